#pragma once
// How a 3x3 kernel becomes the 4x4 one of a convolution that resamples.
#include "train/gan/lanes.hpp"
#include "train/gan/topology.hpp"

namespace troupe::gan {

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

}  // namespace troupe::gan
