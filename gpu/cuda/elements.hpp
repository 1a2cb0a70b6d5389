#pragma once
// What the kernels do to one element, for the device's compiler and the host's alike: the order of every
// rounding is written here once, and the tests hold it against the CPU's kernels bit by bit. Wants no
// contraction into fused multiply-adds
// (-ffp-contract=off, -fmad=false).
#include <cmath>
#include <cstddef>

#ifdef __CUDACC__
#define TROUPE_BOTH __host__ __device__
#else
#define TROUPE_BOTH
#endif

namespace troupe::cuda {

constexpr int kTreeDepth = 24;                       // sums that wait for their right half
constexpr int kTreeMembers = 1 << (kTreeDepth - 1);  // of a tree of that depth

/// How many subtrees of the fixed tree over `count` members (gpu/collective.hpp) end with member `i`, so that
/// their halves may be added once it is there.
TROUPE_BOTH inline int tree_ends(int count, int i) {
  int lo = 0, hi = count, ends = 0;
  while (hi - lo > 1) {
    const int mid = lo + (hi - lo + 1) / 2;
    const bool right = i >= mid;
    (right ? lo : hi) = mid;
    ends = right ? ends + 1 : 0;
  }
  return ends;
}

/// Element `at` of the fixed tree's sum over members[0] … members[count-1]; count in [1, kTreeMembers].
TROUPE_BOTH inline float tree_element(const float* const* members, int count, std::size_t at) {
  float waiting[kTreeDepth];
  int top = 0;
  for (int i = 0; i < count; ++i) {
    float sum = members[i][at];
    for (int ends = tree_ends(count, i); ends > 0; --ends) sum = waiting[--top] + sum;
    waiting[top++] = sum;
  }
  return waiting[0];
}

/// Adam with beta1 = 0: v' = beta2 v + (1 - beta2) g^2, p' = p - rate * g / (sqrt(v' * correction) + 1e-8),
/// and the moving average e' = decay * e + (1 - decay) * p'.
struct AdamStep {
  float rate, beta2, correction, decay;
};
TROUPE_BOTH inline float adam_v(const AdamStep& s, float g, float v) {
  const float take = 1.0F - s.beta2;
  return s.beta2 * v + take * (g * g);
}
TROUPE_BOTH inline float adam_p(const AdamStep& s, float g, float p, float v2) {
  return p - s.rate * g / (sqrtf(v2 * s.correction) + 1e-8F);
}
TROUPE_BOTH inline float adam_e(const AdamStep& s, float e, float p2) {
  const float blend_in = 1.0F - s.decay;
  return s.decay * e + blend_in * p2;
}

}  // namespace troupe::cuda
