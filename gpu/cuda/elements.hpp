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

constexpr int kTreeLeaves = 256;  // by value among a kernel's arguments, of which there may be 4 KiB
constexpr int kTreeDepth = 32;    // sums that wait for their right half: members are counted by an int

/// What a tree's sum is made of (gpu/leaf_tree.hpp): leaf after leaf is put on a stack, and after leaf i the
/// two topmost are added merges[i] times.
struct TreeLeaves {
  const void* at[kTreeLeaves];
  unsigned char merges[kTreeLeaves];
  int count;  // 0: the sum is zero
};

template <class T>
TROUPE_BOTH inline T tree_plus(T a, T b) {
  return a + b;
}
TROUPE_BOTH inline long long tree_plus(long long a, long long b) {  // wraps
  return static_cast<long long>(static_cast<unsigned long long>(a) + static_cast<unsigned long long>(b));
}
template <class T>
TROUPE_BOTH inline T tree_times(T a, T b) {
  return a * b;
}
TROUPE_BOTH inline long long tree_times(long long a, long long b) {
  return static_cast<long long>(static_cast<unsigned long long>(a) * static_cast<unsigned long long>(b));
}

/// Element `i` of the sum; T as the leaves' buffers hold it: float, double, long long.
template <class T>
TROUPE_BOTH inline T tree_element(const TreeLeaves& leaves, std::size_t i) {
  T waiting[kTreeDepth];  // below the topmost, which stays in a register
  T top{};
  int below = 0;
  for (int leaf = 0; leaf < leaves.count; ++leaf) {
    T sum = static_cast<const T*>(leaves.at[leaf])[i];
    int left = leaves.merges[leaf];
    if (left > 0)
      for (sum = tree_plus(top, sum); left > 1; --left) sum = tree_plus(waiting[--below], sum);
    else if (leaf > 0)
      waiting[below++] = top;
    top = sum;
  }
  return top;
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
