#pragma once
// The collective among devices where NCCL is not to be had: elements go from the device to the host's
// memory, are summed there by the host's collective, and go back. Exact as that one is.
#include <memory>

#include "gpu/cuda/device_collective.hpp"
#include "gpu/cuda/device_memory.hpp"

namespace troupe::cuda {

/// Contract: make_device_collective. `piece`: of one member, what is in the host's memory at a time.
std::shared_ptr<Collective> make_staged(std::shared_ptr<DeviceMemory> memory,
                                        std::shared_ptr<Collective> host, double timeout_seconds,
                                        Bytes piece = mib(4));

}  // namespace troupe::cuda
