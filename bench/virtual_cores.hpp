#pragma once
// For benches of clusters larger than the machine.
#include "gpu/devices.hpp"

namespace troupe::bench {

/// Cores that belong to no cpu: nobody is pinned to them, and who waits does not spin.
inline CpuDevice virtual_cores(int count) {
  CpuDevice device{.model = "virtual", .instruction_set = "none", .cores = {}, .memory = gib(64)};
  for (int i = 0; i < count; ++i)
    device.cores.push_back({.id = i, .cpu = -1, .package = 0, .physical = i, .shared = true});
  return device;
}

}  // namespace troupe::bench
