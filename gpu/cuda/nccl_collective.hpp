#pragma once
// The collective among the devices of one process: one rank a device, with buffers and outputs in that
// device's memory. What the ranks call they agree on in the host's memory, as the in-process collective does;
// bytes alone go over NCCL.
//
// Exact: each rank adds up the largest subtrees that it holds wholly, NCCL gathers those partial sums, and
// each rank finishes the fixed tree. The bits of any other back end, on any number of devices. Fast: each
// rank adds up its members, and NCCL's all-reduce adds up the ranks in an order of its own. Sums of double
// and int64, which steer the step, are exact either way. Both go in buckets, in the order of the ranks'
// streams.
#include <memory>
#include <vector>

#include "gpu/collective.hpp"
#include "gpu/cuda/device_memory.hpp"
#include "gpu/cuda/nccl_rank.hpp"

namespace troupe::cuda {

/// One device's part of a group. A group of one device needs no NCCL.
struct NcclEnd {
  std::shared_ptr<Nccl> nccl;
  std::shared_ptr<DeviceMemory> memory;
  NcclRank::Detached detached;  // as NcclRank's
};
struct NcclCollectiveOptions {
  bool exact = true;
  double timeout_seconds = 30;  // for a rank to come, for NCCL to form, and for a sum
  Bytes bucket = mib(16);       // of one rank's partial sum of one subtree
};

/// An end a rank. Each has its own `out` and counts as a process of its own (ranks_here() is 1). Its calls,
/// the first of which forms the communicator, come from one thread, which has entered the device. A
/// ParallelFor is called once the sum stands in `out`: for what follows on the host. A member's buffers are
/// read on the device until the call returns; after an error too, unless the device hangs. Errors: NCCL's,
/// where a group's number can't be had; internal: no end.
Result<std::vector<std::shared_ptr<Collective>>> make_nccl(std::vector<NcclEnd> ends,
                                                           const NcclCollectiveOptions& options);

}  // namespace troupe::cuda
