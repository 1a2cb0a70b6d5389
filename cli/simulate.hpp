#pragma once
// `simulate TRACE.csv --nodes NODES.csv --policy NAME`: a trace of a real cluster under a policy, in seconds.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/terminal.hpp"

namespace troupe {

struct SimulateOptions {
  std::filesystem::path trace, nodes;
  std::vector<std::string> policies;  // none: ours; "all": every one that the kind of trace has
  std::int64_t seed = 1;
  double load = 130;       // percent of GPU capacity that tasks ask for until the end
  std::int64_t first = 0;  // jobs: no more of the trace than these; 0: all
  int moves = 0;           // of placed tasks, at most, for one arrival
  bool json = false;
  std::filesystem::path out;  // folder for tables and pictures; empty: none
};

/// Returns the exit code.
int run_simulate(const SimulateOptions& options, const Terminal& terminal);

}  // namespace troupe
