#pragma once
// The commands that ask a running cluster. Each returns its exit code.
#include <optional>
#include <string>

#include "cli/services.hpp"
#include "cli/target.hpp"
#include "cli/terminal.hpp"

namespace troupe {

struct ClientOptions {
  Target target;
  std::string job;
  std::string file;
  std::string node;
  bool undo = false;
  bool json = false, follow = false, all = false, automatic = false;
  std::optional<int> cores;
  std::string memory;
};

int run_submit(const ClientOptions& options, const Services& services, const Terminal& terminal);
int run_jobs(const ClientOptions& options, const Services& services, const Terminal& terminal);
int run_drain(const ClientOptions& options, const Services& services, const Terminal& terminal);
int run_remove_node(const ClientOptions& options, const Services& services, const Terminal& terminal);
int run_nodes(const ClientOptions& options, const Services& services, const Terminal& terminal);
int run_show(const ClientOptions& options, const Services& services, const Terminal& terminal);
int run_logs(const ClientOptions& options, const Services& services, const Terminal& terminal);
int run_stop(const ClientOptions& options, const Services& services, const Terminal& terminal);
int run_resize(const ClientOptions& options, const Services& services, const Terminal& terminal);

}  // namespace troupe
