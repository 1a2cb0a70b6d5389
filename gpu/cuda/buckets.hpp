#pragma once
// Gradients are summed in buckets, as soon as the backward pass has made a bucket's worth of them. Pure.
#include <cstdint>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "base/units.hpp"

namespace troupe::cuda {

struct BucketLimits {
  Bytes size = mib(16);         // a bucket holds no more, unless one tensor alone does
  Bytes first_size = mib(1);    // the first is small, so that the first sum starts early
  std::int64_t alignment = 64;  // elements: 256 bytes of float, what vector loads and NCCL's fast paths want
};
struct Placed {
  int tensor = 0;           // its number in the order of the forward pass
  std::int64_t offset = 0;  // elements from the bucket's start, aligned
  std::int64_t elements = 0;
};
struct Bucket {
  std::vector<Placed> tensors;
  std::int64_t elements = 0;  // to be allotted and summed, padding included
};

/// Buckets in the order in which the backward pass fills them: the last tensor first. Depends on the sizes
/// alone, so all ranks come to the same. bad_config: a negative size, a limit or alignment below 1, or sizes
/// that overflow.
Result<std::vector<Bucket>> lay_out_buckets(std::span<const std::int64_t> elements,
                                            const BucketLimits& limits);

/// Tells ranks with other tensors or limits apart before they sum each other's garbage.
std::uint64_t fingerprint(std::span<const Bucket> buckets) noexcept;

/// Which buckets may be summed. Gradients come in any order, sums start in the order of the buckets: every
/// rank must start the same ones in the same order.
class BucketTracker {
 public:
  explicit BucketTracker(std::span<const Bucket> buckets);
  /// The buckets [first, second) may start now. internal: a tensor that is not there or came twice in a step.
  Result<std::pair<int, int>> arrived(int tensor);
  bool all_started() const noexcept;
  void next_step();

 private:
  std::vector<int> bucket_of_;  // by tensor; -1: none
  std::vector<int> of_bucket_;  // how many tensors each has
  std::vector<int> missing_;
  std::vector<bool> came_;
  int started_ = 0;
};

}  // namespace troupe::cuda
