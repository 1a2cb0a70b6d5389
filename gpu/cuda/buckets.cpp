#include "gpu/cuda/buckets.hpp"

#include <algorithm>
#include <limits>

namespace troupe::cuda {

Result<std::vector<Bucket>> lay_out_buckets(std::span<const std::int64_t> elements,
                                            const BucketLimits& limits) {
  constexpr std::int64_t kMost =
      std::numeric_limits<std::int64_t>::max() / 8;  // bytes stay far from overflow
  constexpr std::int64_t kFloat = sizeof(float);
  if (limits.size.count < 1 || limits.first_size.count < 1 || limits.alignment < 1 ||
      limits.alignment > kMost)
    return fail({ErrorCode::bad_config, "a bucket's size and alignment are at least 1", "buckets"});
  std::vector<Bucket> buckets;
  std::int64_t total = 0;
  for (std::size_t i = elements.size(); i-- > 0;) {
    const std::int64_t n = elements[i];
    if (n < 0 || n > kMost - total - limits.alignment)
      return fail(
          {ErrorCode::bad_config, "a tensor has a size that makes no sense", "buckets", std::to_string(n)});
    const std::int64_t room = (n + limits.alignment - 1) / limits.alignment * limits.alignment;
    total += room;
    const Bytes limit = buckets.size() <= 1 ? std::min(limits.first_size, limits.size) : limits.size;
    if (buckets.empty() ||
        (buckets.back().elements > 0 && (buckets.back().elements + room) * kFloat > limit.count))
      buckets.emplace_back();
    buckets.back().tensors.push_back({static_cast<int>(i), buckets.back().elements, n});
    buckets.back().elements += room;
  }
  return buckets;
}

std::uint64_t fingerprint(std::span<const Bucket> buckets) noexcept {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  const auto mix = [&](std::int64_t value) {
    for (int i = 0; i < 8; ++i) {
      hash ^= static_cast<std::uint64_t>(value) >> (8 * i) & 0xff;
      hash *= 1099511628211ULL;
    }
  };
  for (const auto& bucket : buckets) {
    mix(bucket.elements);
    mix(static_cast<std::int64_t>(bucket.tensors.size()));
    for (const auto& t : bucket.tensors) {
      mix(t.tensor);
      mix(t.offset);
      mix(t.elements);
    }
  }
  return hash;
}

BucketTracker::BucketTracker(std::span<const Bucket> buckets) {
  for (std::size_t b = 0; b < buckets.size(); ++b) {
    of_bucket_.push_back(static_cast<int>(buckets[b].tensors.size()));
    for (const auto& t : buckets[b].tensors) {
      const auto at = static_cast<std::size_t>(t.tensor);
      if (bucket_of_.size() <= at) bucket_of_.resize(at + 1, -1);
      bucket_of_[at] = static_cast<int>(b);
    }
  }
  next_step();
}

void BucketTracker::next_step() {
  missing_ = of_bucket_;
  came_.assign(bucket_of_.size(), false);
  started_ = 0;
}

bool BucketTracker::all_started() const noexcept { return started_ == static_cast<int>(of_bucket_.size()); }

Result<std::pair<int, int>> BucketTracker::arrived(int tensor) {
  const auto at = static_cast<std::size_t>(tensor);
  if (tensor < 0 || at >= bucket_of_.size() || bucket_of_[at] < 0)
    return fail({ErrorCode::internal, "a gradient of a tensor that is in no bucket", "buckets",
                 std::to_string(tensor)});
  if (came_[at])
    return fail(
        {ErrorCode::internal, "a gradient came twice in one step", "buckets", std::to_string(tensor)});
  came_[at] = true;
  --missing_[static_cast<std::size_t>(bucket_of_[at])];
  const int first = started_;
  while (!all_started() && missing_[static_cast<std::size_t>(started_)] == 0) ++started_;
  return std::pair{first, started_};
}

}  // namespace troupe::cuda
