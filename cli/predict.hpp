#pragma once
// `predict JOB.toml`: what a job will take, phase by phase, before it is run.
#include <filesystem>
#include <optional>
#include <string>

#include "cli/services.hpp"
#include "cli/terminal.hpp"

namespace troupe {

struct PredictOptions {
  std::filesystem::path file;  // a job file or a configuration
  std::string job;             // of the latter; empty: the one of highest priority
  std::optional<int> cores;    // that times are told for; nothing: as many as there are
  bool json = false;
  std::filesystem::path out;  // folder for a table and a picture; empty: none
};

/// Returns the exit code.
int run_predict(const PredictOptions& options, const Services& services, const Terminal& terminal);

}  // namespace troupe
