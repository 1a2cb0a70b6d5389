#include "gpu/collective.hpp"

namespace troupe {

Result<void> Collective::sum_each(std::span<const FloatSum> sums, const ParallelFor& parallel,
                                  const Then& then) {
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const FloatSum& s = sums[i];
    const std::size_t first = part(s.n).first;
    const ParallelFor followed = [&](std::size_t n, const auto& f) {
      const auto both = [&](std::size_t begin, std::size_t end) {
        f(begin, end);
        then(i, first + begin, first + end);
      };
      parallel ? parallel(n, both) : both(0, n);
    };
    if (auto summed = sum(s.mine, s.out, s.n, s.scale, false, followed); !summed) return summed;
  }
  return {};
}

}  // namespace troupe
