#include "gpu/parallel.hpp"

#include <algorithm>

namespace troupe {
namespace {
constexpr std::size_t kGrain = 64;      // elements: whole cache lines for every type
constexpr std::size_t kAlone = 16'384;  // elements that one worker adds up faster than another one wakes
}  // namespace

ParallelFor over_workers(CpuSlice& slice) {
  return [&slice](std::size_t n, const std::function<void(std::size_t, std::size_t)>& f) {
    const auto workers = static_cast<std::size_t>(slice.workers());
    if (workers == 1 || n <= kAlone) return f(0, n);
    const std::size_t grains = (n + kGrain - 1) / kGrain;
    slice.run([&](int worker) {
      const auto w = static_cast<std::size_t>(worker);
      const std::size_t begin = grains * w / workers * kGrain;
      const std::size_t end = std::min(n, grains * (w + 1) / workers * kGrain);
      if (begin < end) f(begin, end);
    });
  };
}

}  // namespace troupe
