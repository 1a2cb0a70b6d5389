#pragma once
// `troupe up FILE --node NAME`: this machine as a node of a cluster whose head runs elsewhere.
#include <string>

#include "cli/services.hpp"
#include "cli/terminal.hpp"

namespace troupe {

struct NodeOptions {
  std::filesystem::path file;
  std::string name;
  std::string at;       // HOST:PORT of the head; empty: as the file says
  std::string address;  // of this machine; empty: as the file says
};

/// Joins, works, comes back when the connection broke, until interrupted (130).
int run_node(const NodeOptions& options, const Services& services, const Terminal& terminal);

}  // namespace troupe
