#pragma once
// The collective among devices, of one process or of several: one rank a device. What the ranks call they
// agree on over a collective of the host (gpu/meeting.hpp); bytes alone go over NCCL.
//
// Exact: each rank adds up the largest subtrees that it holds wholly, NCCL gathers those partial sums, and
// each rank finishes the fixed tree. The bits of any other back end, on any number of devices. Fast: each
// rank adds up its members, and NCCL's all-reduce adds up the ranks in an order of its own. Both go in
// buckets, in the order of the ranks' streams.
#include <memory>
#include <vector>

#include "gpu/cuda/device_collective.hpp"
#include "gpu/cuda/device_memory.hpp"
#include "gpu/cuda/nccl_rank.hpp"

namespace troupe::cuda {

/// One device's part of a group. A group of one device needs no NCCL.
struct NcclEnd {
  std::shared_ptr<Nccl> nccl;
  std::shared_ptr<DeviceMemory> memory;  // its stream is the one that makes what is summed
  NcclRank::Detached detached;           // as NcclRank's
  /// The same device by a stream of its own, for sums beside the rest of the work: then a sum's bucket is
  /// made as soon as its elements are in `memory`'s stream (FloatSum::ready). Null: all in one stream.
  std::shared_ptr<DeviceMemory> side = nullptr;
};
struct NcclCollectiveOptions {
  bool exact = true;
  double timeout_seconds = 30;  // for NCCL to form, and for a sum; no longer than the host's for a rank
  Bytes bucket = mib(16);       // of one rank's partial sum of one subtree
};

/// This rank's end of a group whose ranks are those of `host`, one device each, in as many processes as
/// `host` spans. Contract: make_device_collective. The first sum forms the communicator, rank 0 makes its id.
/// A rank that is lost is named as `host` names it.
std::shared_ptr<Collective> make_nccl_between(NcclEnd end, std::shared_ptr<Collective> host,
                                              const NcclCollectiveOptions& options);

/// The same among devices of this process alone, an end a rank. Errors: internal: no end.
Result<std::vector<std::shared_ptr<Collective>>> make_nccl(std::vector<NcclEnd> ends,
                                                           const NcclCollectiveOptions& options);

}  // namespace troupe::cuda
