#pragma once
// `troupe doctor`: is everything there that a cluster needs of this machine?
#include <string>

#include "cli/services.hpp"
#include "cli/terminal.hpp"

namespace troupe {

struct DoctorOptions {
  std::string file = "cluster.toml";
  std::string node;       // which of the file's this machine is; empty: the head
  std::string at;         // HOST:PORT of the head; empty: as the file says
  std::string keys;       // folder; empty: as the file says
  bool bandwidth = true;  // send bytes between nodes, to see how fast that is
  bool json = false;
};

/// 0: no problem (there may be warnings), 1: a problem, 2: wrong use.
int run_doctor(const DoctorOptions& options, const Services& services, const Terminal& terminal);

}  // namespace troupe
