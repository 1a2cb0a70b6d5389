#pragma once
// By which way the devices of several ranks sum: over NCCL where every rank has it and no two ranks are one
// device to it, else by way of the host's memory. The ranks agree on it.
#include <optional>
#include <string>

#include "gpu/cuda/nccl_collective.hpp"

namespace troupe::cuda {

/// What NCCL tells devices apart by: the host, or what NCCL_HOSTID says instead (two processes that say
/// different things may share a device), and the device's place on its bus ("0000:1b:00.0").
std::string nccl_identity(const std::string& bus);

struct SumsBetween {
  std::shared_ptr<Collective> sums;
  std::string instead;  // why not NCCL, in words; empty: NCCL it is
};
/// A call that every rank of `host` makes. `end.nccl` null: this rank has none. Contract:
/// make_device_collective. Errors: the host's.
Result<SumsBetween> make_sums_between(NcclEnd end, const std::string& identity,
                                      std::shared_ptr<Collective> host, const NcclCollectiveOptions& options);

}  // namespace troupe::cuda
