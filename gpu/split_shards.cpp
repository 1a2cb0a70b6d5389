#include <algorithm>

#include "gpu/collective.hpp"

namespace troupe {

// One shard after the other to the rank that finishes it first, (count + 1) / weight: the step takes as long
// as the slowest rank, and this makes its time least (Jefferson's method).
std::vector<ShardRun> split_shards(int shards, const std::vector<int>& weights) {
  const auto ranks = weights.size();
  std::vector<ShardRun> runs(ranks);
  if (ranks == 0) return runs;
  const bool equal = std::all_of(weights.begin(), weights.end(), [](int w) { return w <= 0; });
  const auto weight = [&](std::size_t r) { return std::int64_t{equal ? 1 : std::max(weights[r], 0)}; };
  int left = std::max(shards, 0);
  if (left >= static_cast<int>(ranks)) {
    for (auto& run : runs) run.count = 1;
    left -= static_cast<int>(ranks);
  }
  for (; left > 0; --left) {
    std::size_t best = 0;
    for (std::size_t r = 1; r < ranks; ++r)
      if ((runs[r].count + 1) * weight(best) < (runs[best].count + 1) * weight(r)) best = r;
    ++runs[best].count;
  }
  int first = 0;
  for (auto& run : runs) {
    run.first = first;
    first += run.count;
  }
  return runs;
}

}  // namespace troupe
