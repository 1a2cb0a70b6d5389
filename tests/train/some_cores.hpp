#pragma once
#include <vector>

#include "gpu/devices.hpp"

namespace troupe::test {

/// So many of the device's cores, or as many again as it has.
inline std::vector<Core> some_cores(int n) {
  auto cores = discover_cpu()->cores;
  while (static_cast<int>(cores.size()) < n) cores.push_back(cores[cores.size() / 2]);
  cores.resize(static_cast<std::size_t>(n));
  return cores;
}

}  // namespace troupe::test
