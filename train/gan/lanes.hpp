#pragma once
// Sixteen float lanes for the kernels' sums: the order of a sum is written down here, not left to the
// compiler.
#include <cstdint>
#include <cstring>

// One clone for each instruction set, chosen when the program loads. Under the sanitizers the choice would
// run before their start-up: there the plain clone alone is built.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__x86_64__) || \
    !defined(__GNUC__) || defined(__clang__)
#define TROUPE_CLONES
#else
#define TROUPE_CLONES __attribute__((target_clones("default", "avx2", "avx512f")))
#endif
#define TROUPE_INLINE static inline __attribute__((always_inline))

namespace troupe::gan {

constexpr std::int64_t kLanes = 16;
constexpr float kSlope = 0.2F;
typedef float Lanes __attribute__((vector_size(64), aligned(4), may_alias));

/// The 16 lanes of an accumulator, added as a binary tree.
TROUPE_INLINE float lane_sum(const float* lane) {
  float a[8], b[4];
  for (int i = 0; i < 8; ++i) a[i] = lane[i] + lane[i + 8];
  for (int i = 0; i < 4; ++i) b[i] = a[i] + a[i + 4];
  return (b[0] + b[2]) + (b[1] + b[3]);
}

/// sum_i x[i] * y[i]: element i goes to lane i mod 16.
TROUPE_INLINE float dot(const float* x, const float* y, std::int64_t n) {
  float lane[kLanes] = {};
  std::int64_t i = 0;
  Lanes sum = {};
  for (; i + kLanes <= n; i += kLanes) {
    Lanes a, b;
    std::memcpy(&a, x + i, sizeof a);
    std::memcpy(&b, y + i, sizeof b);
    sum += a * b;
  }
  std::memcpy(lane, &sum, sizeof sum);
  for (std::int64_t k = 0; i + k < n; ++k) lane[k] += x[i + k] * y[i + k];
  return lane_sum(lane);
}

}  // namespace troupe::gan
