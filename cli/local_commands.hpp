#pragma once
// The commands that need neither a cluster nor a device. Each returns its exit code.
#include <string>
#include <string_view>

#include "cli/services.hpp"
#include "cli/terminal.hpp"

namespace troupe {

/// `check FILE`: every error of a configuration or a job file; else what it would be.
int run_check(const std::string& file, bool json, const Terminal& terminal);
/// Whether a file is one job (its keys at the top level) rather than a cluster. By its tables.
bool is_job_file(std::string_view text);

struct ConfigOptions {
  std::string key;
  bool explain = false, markdown = false, json = false;
};
/// `config --explain [KEY]`.
int run_config(const ConfigOptions& options, const Terminal& terminal);

int run_version(bool json, const Services& services, const Terminal& terminal);

}  // namespace troupe
