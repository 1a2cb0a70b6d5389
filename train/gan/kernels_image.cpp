// The kernels between images (1 or 3 channels) and features, between resolutions, and of the constant
// channel.
#include <algorithm>
#include <cstring>

#include "train/gan/dry_run.hpp"
#include "train/gan/kernels.hpp"
#include "train/gan/lanes.hpp"

namespace troupe::gan {

TROUPE_CLONES void act_linear_wide(float* __restrict a, const float* __restrict x, const float* __restrict w,
                                   std::int64_t pixels, std::int64_t ch, std::int64_t C) {
  if (skipped(pixels * (2 * C + ch))) return;
  for (std::int64_t p = 0; p < pixels; ++p, a += C, x += ch) {
    if (ch == 1) {
      for (std::int64_t c = 0; c < C; ++c) a[c] = (x[0] * w[c]) * (a[c] > 0 ? 1.0F : kSlope);
      continue;
    }
    for (std::int64_t c = 0; c < C; ++c)
      a[c] = (x[0] * w[c] + x[1] * w[C + c] + x[2] * w[2 * C + c]) * (a[c] > 0 ? 1.0F : kSlope);
  }
}

TROUPE_CLONES void image_to_features(float* __restrict y, const float* __restrict x,
                                     const float* __restrict w, const float* __restrict b,
                                     std::int64_t pixels, std::int64_t ch, std::int64_t C) {
  if (skipped(pixels * (C + ch))) return;
  for (std::int64_t p = 0; p < pixels; ++p, y += C, x += ch) {
    if (ch == 1) {
      for (std::int64_t c = 0; c < C; ++c) {
        const float s = x[0] * w[c] + b[c];
        y[c] = s > 0 ? s : kSlope * s;
      }
      continue;
    }
    for (std::int64_t c = 0; c < C; ++c) {
      const float s = x[0] * w[c] + x[1] * w[C + c] + x[2] * w[2 * C + c] + b[c];
      y[c] = s > 0 ? s : kSlope * s;
    }
  }
}

TROUPE_CLONES void spread(float* __restrict d, const float* __restrict x, const float* __restrict w, bool add,
                          std::int64_t pixels, std::int64_t ch, std::int64_t C) {
  if (skipped(pixels * (C + ch))) return;
  if (!add) std::memset(d, 0, sizeof(float) * static_cast<std::size_t>(pixels * C));
  for (std::int64_t p = 0; p < pixels; ++p, d += C, x += ch)
    for (std::int64_t j = 0; j < ch; ++j)
      for (std::int64_t c = 0; c < C; ++c) d[c] += x[j] * w[j * C + c];
}

TROUPE_CLONES void features_to_image(float* __restrict x, const float* __restrict y,
                                     const float* __restrict w, const float* __restrict b, float scale,
                                     std::int64_t pixels, std::int64_t ch, std::int64_t C) {
  if (skipped(pixels * (C + ch))) return;
  for (std::int64_t p = 0; p < pixels; ++p, x += ch, y += C)
    for (std::int64_t j = 0; j < ch; ++j)
      x[j] = scale * (dot(y, w + j * C, C) + (b == nullptr ? 0.0F : b[j]));
}

TROUPE_CLONES void outer_sum(float* __restrict dw, const float* __restrict x, const float* __restrict y,
                             float scale, std::int64_t pixels, std::int64_t ch, std::int64_t C) {
  if (skipped(pixels * (C + ch))) return;
  std::memset(dw, 0, sizeof(float) * static_cast<std::size_t>(ch * C));
  for (std::int64_t p = 0; p < pixels; ++p, x += ch, y += C)
    for (std::int64_t j = 0; j < ch; ++j)
      for (std::int64_t c = 0; c < C; ++c) dw[j * C + c] += x[j] * y[c];
  for (std::int64_t i = 0; i < ch * C; ++i) dw[i] *= scale;
}

TROUPE_CLONES void to_channels_last(float* __restrict y, const float* __restrict x, std::int64_t n,
                                    std::int64_t ch, std::int64_t pixels) {
  if (skipped(2 * n * ch * pixels)) return;
  for (std::int64_t i = 0; i < n; ++i, x += ch * pixels, y += ch * pixels)
    for (std::int64_t j = 0; j < ch; ++j)
      for (std::int64_t p = 0; p < pixels; ++p) y[p * ch + j] = x[j * pixels + p];
}

TROUPE_CLONES void pool(float* __restrict y, const float* __restrict x, std::int64_t n, std::int64_t size,
                        std::int64_t C) {
  sum_down(y, x, 0.25F, n, size, C);
}

TROUPE_CLONES void sum_down(float* __restrict y, const float* __restrict x, float scale, std::int64_t n,
                            std::int64_t size, std::int64_t C) {
  if (skipped(n * size * size * C * 5 / 4)) return;
  const std::int64_t row = size * C;
  for (std::int64_t i = 0; i < n * size / 2; ++i, x += 2 * row)
    for (std::int64_t j = 0; j < size / 2; ++j, y += C) {
      const float* top = x + 2 * j * C;
      for (std::int64_t c = 0; c < C; ++c)
        y[c] = scale * ((top[c] + top[C + c]) + (top[row + c] + top[row + C + c]));
    }
}

TROUPE_CLONES void blend_up(float* __restrict x, float a, const float* __restrict y, float b, std::int64_t n,
                            std::int64_t size, std::int64_t C) {
  if (skipped(n * size * size * C * 9 / 4)) return;
  const std::int64_t row = size * C;
  for (std::int64_t i = 0; i < n * size / 2; ++i, x += 2 * row)
    for (std::int64_t j = 0; j < size / 2; ++j, y += C)
      for (std::int64_t k = 0; k < 4; ++k) {
        float* at = x + (k / 2) * row + (2 * j + k % 2) * C;
        for (std::int64_t c = 0; c < C; ++c) at[c] = a * at[c] + b * y[c];
      }
}

namespace {
/// Which of the three taps reach inside a row of four pixels at position `i`: [first, last].
struct Taps {
  int first, last;
};
TROUPE_INLINE Taps taps(int i) { return {i == 0 ? 1 : 0, i == 3 ? 1 : 2}; }
}  // namespace

TROUPE_CLONES void add_constant_channel(float* __restrict y, const float* __restrict w, float s,
                                        std::int64_t n, std::int64_t C) {
  if (skipped(2 * n * 16 * C)) return;
  for (int pixel = 0; pixel < 16; ++pixel) {
    const Taps rows = taps(pixel / 4), columns = taps(pixel % 4);
    for (std::int64_t c = 0; c < C; ++c) {
      float sum = 0;
      for (int i = rows.first; i <= rows.last; ++i)
        for (int j = columns.first; j <= columns.last; ++j) sum += w[(3 * i + j) * C + c];
      for (std::int64_t k = 0; k < n; ++k) y[(k * 16 + pixel) * C + c] += s * sum;
    }
  }
}

TROUPE_CLONES float constant_channel_backward(float* __restrict dw, const float* __restrict d,
                                              const float* __restrict w, float s, std::int64_t n,
                                              std::int64_t C) {
  if (skipped(n * 16 * C)) return 0;
  double ds = 0;
  for (int pixel = 0; pixel < 16; ++pixel) {
    const Taps rows = taps(pixel / 4), columns = taps(pixel % 4);
    for (std::int64_t c = 0; c < C; ++c) {
      float sum = 0, taps_sum = 0;
      for (std::int64_t k = 0; k < n; ++k) sum += d[(k * 16 + pixel) * C + c];
      for (int i = rows.first; i <= rows.last; ++i)
        for (int j = columns.first; j <= columns.last; ++j) {
          taps_sum += w[(3 * i + j) * C + c];
          dw[(3 * i + j) * C + c] += s * sum;
        }
      ds += static_cast<double>(sum) * taps_sum;
    }
  }
  return static_cast<float>(ds);
}

}  // namespace troupe::gan
