#pragma once
// What the all-reduce actors need of NCCL, and no more: communicators that never block. real_nccl.cpp finds
// the library at run time; tests have a fake (tests/gpu/fake_nccl.hpp).
#include <array>
#include <memory>
#include <span>
#include <string>

#include "base/error.hpp"
#include "gpu/cuda/driver.hpp"

namespace troupe::cuda {

using Comm = Handle<struct CommTag>;
/// What the ranks of one communicator find each other by. Made by one, handed to all by whatever they speak
/// by already.
struct NcclId {
  std::array<char, 128> bytes{};
  friend auto operator<=>(const NcclId&, const NcclId&) = default;
};

/// Calls of one communicator come from one thread, its actor's; `abort` alone may come from another, and may
/// hang. Errors: peer_failed (NCCL says that another rank or the network failed), internal (the rest, with
/// NCCL's text).
class Nccl {
 public:
  virtual ~Nccl() = default;
  virtual Result<int> version() = 0;  // 22809 is 2.28.9
  virtual Result<NcclId> make_id() = 0;
  /// Comes back at once; the communicator is to be used when `ready` says so. The calling thread's device is
  /// the rank's.
  virtual Result<Comm> start_init(int ranks, int rank, const NcclId& id) = 0;
  /// False: it is still at work on what was last asked of it. An error is the communicator's end.
  virtual Result<bool> ready(Comm comm) = 0;
  /// In place or not; on the stream.
  virtual Result<void> all_reduce(Comm comm, const float* in, float* out, std::size_t n, Stream stream) = 0;
  /// Every rank's n elements, in the order of the ranks: partial sums, to be added in the order of the
  /// shards.
  virtual Result<void> all_gather(Comm comm, const float* in, float* out, std::size_t n, Stream stream) = 0;
  /// A communicator of those that are left, in their old order; stops what is under way first. Every rank
  /// that is left must call it with the same `without`. The parent stays to be aborted. not_found: this NCCL
  /// can't.
  virtual Result<Comm> start_shrink(Comm parent, std::span<const int> without) = 0;
  /// Stops what is under way and frees the communicator.
  virtual Result<void> abort(Comm comm) = 0;
};

/// The first of `names` that loads. not_found, with what to do, where none does.
Result<std::shared_ptr<Nccl>> open_nccl(std::span<const std::string> names);

}  // namespace troupe::cuda
