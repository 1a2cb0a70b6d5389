#pragma once
// Which running cluster a command means.
#include <optional>
#include <string>

#include "cli/services.hpp"

namespace troupe {

struct Target {
  std::optional<int> port;
  std::filesystem::path run;
};

/// --port, else RUN/control.json of --run, else the environment's TROUPE_PORT, else the default of
/// cluster.port.
Result<int> resolve_port(const Target& target, const Services& services);
/// Errors: not_connected with what to do, wrong_version.
Result<Request> connect(const Target& target, const Services& services);

}  // namespace troupe
