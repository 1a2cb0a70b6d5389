#pragma once
// `troupe up` and `troupe resume`: a cluster in this process, or in one of its own.
#include <optional>
#include <string>

#include "cli/services.hpp"
#include "cli/terminal.hpp"

namespace troupe {

struct UpOptions {
  std::filesystem::path file;  // the configuration; of `resume`: nothing
  std::filesystem::path run;   // the run folder; empty: one is named after the moment
  bool resume = false;
  bool detach = false, dry_run = false, json = false, stay = false, progress = true;
  std::optional<int> port, metrics_port;
};

int run_up(const UpOptions& options, const Services& services, const Terminal& terminal);

}  // namespace troupe
