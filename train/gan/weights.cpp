#include "train/gan/weights.hpp"

#include <algorithm>
#include <cstring>

#include "train/gan/dry_run.hpp"
#include "train/gan/kernels.hpp"
#include "train/gan/taps.hpp"

namespace troupe::gan {

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
