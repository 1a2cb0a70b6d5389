#pragma once
// Gives a stream the work of one sum: the tree's kernels, and NCCL's calls between them, bucket after bucket.
#include <functional>
#include <span>
#include <vector>

#include "gpu/collective.hpp"
#include "gpu/cuda/device_memory.hpp"
#include "gpu/cuda/nccl.hpp"
#include "gpu/leaf_tree.hpp"

namespace troupe::cuda {

/// The kernel's argument of a sum over `members`: leaf i is the sum of the subtree `cut[i]`, which lies at
/// at[i] in the device's memory. Error no_capacity: more than a kernel takes.
Result<TreeLeaves> leaves_of(int members, std::span<const Subtree> cut, std::span<const void* const> at);

/// For one rank's thread, in the order of `memory`'s stream. Buffers and outputs are the device's memory.
/// Errors: the device's and NCCL's own; no_capacity: more partial sums than a kernel takes, or no memory for
/// a bucket.
class TreeLaunch {
 public:
  /// Waits until what was last asked of the communicator is in the stream.
  using Enqueued = std::function<Result<void>(Nccl&, Comm)>;
  /// What is given to the stream next reads the elements [begin, end) of the rank's buffers.
  using Reads = std::function<Result<void>(std::size_t begin, std::size_t end)>;
  TreeLaunch(DeviceMemory& memory, Bytes bucket, Enqueued enqueued, Reads reads);
  ~TreeLaunch();
  TreeLaunch(const TreeLaunch&) = delete;
  TreeLaunch& operator=(const TreeLaunch&) = delete;

  /// `runs`: of all ranks. `nccl` may be null where there is one rank.
  Result<void> exact(Nccl* nccl, Comm comm, int rank, const std::vector<ShardRun>& runs,
                     const Contribution<float>& mine, float* out, std::size_t n, float scale);
  Result<void> fast(Nccl& nccl, Comm comm, const Contribution<float>& mine, float* out, std::size_t n,
                    float scale);

 private:
  /// Memory for so many elements, until the next call.
  Result<float*> scratch(std::size_t elements);

  DeviceMemory& memory_;
  std::size_t bucket_;
  Enqueued enqueued_;
  Reads reads_;
  float* scratch_ = nullptr;
  std::size_t scratch_elements_ = 0;
};

}  // namespace troupe::cuda
