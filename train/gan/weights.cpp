#include "train/gan/weights.hpp"

#include <algorithm>
#include <cstring>

#include "train/gan/dry_run.hpp"
#include "train/gan/kernels.hpp"
#include "train/gan/lanes.hpp"

namespace troupe::gan {

namespace {
/// Calls f(tap of the 4x4 kernel, tap of the 3x3 one) for every pair that the resampled kernel adds up.
/// down: the mean of four shifted kernels, w4[u] += w3[u - a]; up: each input pixel stands twice, w4[u] +=
/// w3[2 - u + a].
template <class F>
TROUPE_INLINE void for_each_tap(Kernel kernel, const F& f) {
  for (int u = 0; u < 4; ++u)
    for (int v = 0; v < 4; ++v)
      for (int a = 0; a < 2; ++a)
        for (int b = 0; b < 2; ++b) {
          const int i = kernel == Kernel::down ? u - a : 2 - u + a;
          const int j = kernel == Kernel::down ? v - b : 2 - v + b;
          if (i >= 0 && i < 3 && j >= 0 && j < 3) f(u * 4 + v, i * 3 + j);
        }
}
}  // namespace

void make_effective(const Param& p, const float* raw, float* effective) {
  if (p.kernel == Kernel::plain) {
    scaled_copy(effective, raw, p.scale, static_cast<std::int64_t>(p.count));
    return;
  }
  const float scale = p.kernel == Kernel::down ? 0.25F * p.scale : p.scale;
  const std::int64_t outer = p.shape[0], inner = p.shape[3];
  std::memset(effective, 0, sizeof(float) * p.effective_count);
  for (std::int64_t o = 0; o < outer; ++o)
    for_each_tap(p.kernel, [&](int four, int three) {
      const float* from = raw + (o * 9 + three) * inner;
      float* to = effective + (o * 16 + four) * inner;
      for (std::int64_t c = 0; c < inner; ++c) to[c] += scale * from[c];
    });
}

void gradient_to_raw(const Param& p, const float* effective_gradient, float* raw_gradient) {
  if (p.kernel == Kernel::plain) {
    scaled_copy(raw_gradient, effective_gradient, p.scale, static_cast<std::int64_t>(p.count));
    return;
  }
  if (skipped(static_cast<std::int64_t>(p.count + p.effective_count))) return;
  const float scale = p.kernel == Kernel::down ? 0.25F * p.scale : p.scale;
  const std::int64_t outer = p.shape[0], inner = p.shape[3];
  std::memset(raw_gradient, 0, sizeof(float) * p.count);
  for (std::int64_t o = 0; o < outer; ++o)
    for_each_tap(p.kernel, [&](int four, int three) {
      const float* from = effective_gradient + (o * 16 + four) * inner;
      float* to = raw_gradient + (o * 9 + three) * inner;
      for (std::int64_t c = 0; c < inner; ++c) to[c] += scale * from[c];
    });
}

}  // namespace troupe::gan
