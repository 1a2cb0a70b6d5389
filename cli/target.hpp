#pragma once
// Which running cluster a command means.
#include <optional>
#include <string>

#include "cli/services.hpp"

namespace troupe {

struct Target {
  std::optional<int> port;
  std::string at;  // HOST:PORT; another machine needs keys
  std::filesystem::path run, keys;
};

/// "HOST:PORT", "[IPv6]:PORT"
Result<ClusterAddress> read_place(const std::string& text);

/// The place: --at, else --port on loopback, else RUN/control.json of --run, else the environment's
/// TROUPE_PORT on loopback, else the default of cluster.port there. The keys: --keys, else those that
/// control.json of --run names; without --run the environment's TROUPE_KEYS, else none.
Result<ClusterAddress> resolve_address(const Target& target, const Services& services);
/// Errors: not_connected with what to do, wrong_version, bad_config (keys).
Result<Request> connect(const Target& target, const Services& services);

}  // namespace troupe
