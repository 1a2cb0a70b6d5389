#include "train/gan/kernels.hpp"

#include <algorithm>
#include <cmath>

#include "train/gan/dry_run.hpp"
#include "train/gan/lanes.hpp"

namespace troupe::gan {

namespace {
TROUPE_INLINE float act(float x) { return x > 0 ? x : kSlope * x; }
TROUPE_INLINE float slope(float a) { return a > 0 ? 1.0F : kSlope; }
}  // namespace

TROUPE_CLONES void bias_act(float* __restrict y, const float* __restrict b, std::int64_t pixels,
                            std::int64_t C) {
  if (skipped(2 * pixels * C)) return;
  for (std::int64_t p = 0; p < pixels; ++p, y += C)
    for (std::int64_t c = 0; c < C; ++c) y[c] = act(y[c] + b[c]);
}

TROUPE_CLONES void bias_act_norm(float* __restrict y, const float* __restrict b, float* __restrict r,
                                 std::int64_t pixels, std::int64_t C) {
  if (skipped(2 * pixels * C)) return;
  for (std::int64_t p = 0; p < pixels; ++p, y += C) {
    for (std::int64_t c = 0; c < C; ++c) y[c] = act(y[c] + b[c]);
    const float mean = dot(y, y, C) / static_cast<float>(C);
    const float scale = 1.0F / std::sqrt(mean + 1e-8F);
    r[p] = scale;
    for (std::int64_t c = 0; c < C; ++c) y[c] *= scale;
  }
}

TROUPE_CLONES void act_backward(float* __restrict d, const float* __restrict a, float scale,
                                float* __restrict db, std::int64_t pixels, std::int64_t C) {
  if (skipped(3 * pixels * C)) return;
  if (db == nullptr) {
    for (std::int64_t i = 0; i < pixels * C; ++i) d[i] = d[i] * (scale * slope(a[i]));
    return;
  }
  for (std::int64_t p = 0; p < pixels; ++p, d += C, a += C)
    for (std::int64_t c = 0; c < C; ++c) {
      d[c] = d[c] * (scale * slope(a[c]));
      db[c] += d[c];
    }
}

TROUPE_CLONES void norm_act_backward(float* __restrict d, const float* __restrict y,
                                     const float* __restrict r, float* __restrict db, std::int64_t pixels,
                                     std::int64_t C) {
  if (skipped(3 * pixels * C)) return;
  for (std::int64_t p = 0; p < pixels; ++p, d += C, y += C) {
    const float mean = dot(d, y, C) / static_cast<float>(C);
    for (std::int64_t c = 0; c < C; ++c) {
      d[c] = (d[c] - y[c] * mean) * (r[p] * slope(y[c]));
      db[c] += d[c];
    }
  }
}

TROUPE_CLONES void act_linear(float* __restrict a, const float* __restrict t, std::int64_t n) {
  if (skipped(3 * n)) return;
  for (std::int64_t i = 0; i < n; ++i) a[i] = t[i] * slope(a[i]);
}

TROUPE_CLONES void column_sum(float* __restrict db, const float* __restrict d, std::int64_t pixels,
                              std::int64_t C) {
  if (skipped(pixels * C)) return;
  for (std::int64_t p = 0; p < pixels; ++p, d += C)
    for (std::int64_t c = 0; c < C; ++c) db[c] += d[c];
}

TROUPE_CLONES void blend(float* __restrict z, const float* __restrict x, float a, const float* __restrict y,
                         float b, std::int64_t n) {
  if (skipped(3 * n)) return;
  for (std::int64_t i = 0; i < n; ++i) z[i] = a * x[i] + b * y[i];
}

TROUPE_CLONES void scaled_copy(float* __restrict y, const float* __restrict x, float scale, std::int64_t n) {
  if (skipped(2 * n)) return;
  for (std::int64_t i = 0; i < n; ++i) y[i] = scale * x[i];
}

TROUPE_CLONES void rescale(float* y, float scale, std::int64_t n) {
  if (skipped(2 * n)) return;
  for (std::int64_t i = 0; i < n; ++i) y[i] *= scale;
}

TROUPE_CLONES double square_sum(const float* x, std::int64_t n) {
  if (skipped(n)) return 0;
  constexpr std::int64_t kBlock = 4096;  // floats summed in single precision before they join the double
  double sum = 0;
  for (std::int64_t i = 0; i < n; i += kBlock) sum += dot(x + i, x + i, std::min(kBlock, n - i));
  return sum;
}

TROUPE_CLONES float deviation(const float* h, std::int64_t n, std::int64_t features) {
  if (skipped(n * features)) return 0;
  const float inverse = 1.0F / static_cast<float>(n);
  double sum = 0;
  for (std::int64_t f = 0; f < features; ++f) {
    float mean = 0, variance = 0;
    for (std::int64_t i = 0; i < n; ++i) mean += h[i * features + f];
    mean *= inverse;
    for (std::int64_t i = 0; i < n; ++i) {
      const float x = h[i * features + f] - mean;
      variance += x * x;
    }
    sum += std::sqrt(variance * inverse + 1e-8F);
  }
  return static_cast<float>(sum / static_cast<double>(features));
}

TROUPE_CLONES void deviation_backward(float* d, const float* h, float ds, std::int64_t n,
                                      std::int64_t features) {
  if (skipped(3 * n * features)) return;
  const float inverse = 1.0F / static_cast<float>(n);
  const float each = ds / static_cast<float>(features) * inverse;
  for (std::int64_t f = 0; f < features; ++f) {
    float mean = 0, variance = 0;
    for (std::int64_t i = 0; i < n; ++i) mean += h[i * features + f];
    mean *= inverse;
    for (std::int64_t i = 0; i < n; ++i) {
      const float x = h[i * features + f] - mean;
      variance += x * x;
    }
    const float factor = each / std::sqrt(variance * inverse + 1e-8F);
    for (std::int64_t i = 0; i < n; ++i) d[i * features + f] += factor * (h[i * features + f] - mean);
  }
}

TROUPE_CLONES void adam(const AdamStep& step, const float* __restrict g, const float* __restrict p,
                        const float* __restrict v, const float* __restrict e, float* __restrict p2,
                        float* __restrict v2, float* __restrict e2, std::size_t n) {
  const float rate = step.rate, keep = step.beta2, take = 1.0F - step.beta2, correction = step.correction;
  for (std::size_t i = 0; i < n; ++i) {
    v2[i] = keep * v[i] + take * (g[i] * g[i]);
    p2[i] = p[i] - rate * g[i] / (std::sqrt(v2[i] * correction) + 1e-8F);
  }
  if (e == nullptr) return;
  const float decay = step.decay, blend_in = 1.0F - step.decay;
  for (std::size_t i = 0; i < n; ++i) e2[i] = decay * e[i] + blend_in * p2[i];
}

}  // namespace troupe::gan
