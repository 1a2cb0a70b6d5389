#include "data/holdout.hpp"

#include <algorithm>
#include <cmath>

namespace troupe {
namespace {
constexpr std::int64_t kBlock = 8;
}

std::vector<bool> held_out(std::int64_t n, double share) {
  std::vector<bool> out(static_cast<std::size_t>(n));
  if (!(share > 0) || n < 2) return out;
  // less a hair: 0.1 * 30 is a little more than 3 in binary
  const auto wanted =
      static_cast<std::int64_t>(std::ceil(std::min(share, 1.0) * static_cast<double>(n) - 1e-9));
  const auto total = std::min(wanted, n - 1);
  const auto blocks = std::max<std::int64_t>(1, (total + kBlock / 2) / kBlock);
  for (std::int64_t b = 0; b < blocks; ++b) {
    // block b has the middle of part b of the run; sizes differ by one at most
    const auto part = n * b / blocks, next_part = n * (b + 1) / blocks;
    const auto length = total * (b + 1) / blocks - total * b / blocks;
    const auto first = part + std::max<std::int64_t>(0, (next_part - part - length) / 2);
    for (auto i = first; i < std::min(first + length, next_part); ++i)
      out[static_cast<std::size_t>(i)] = true;
  }
  return out;
}

}  // namespace troupe
