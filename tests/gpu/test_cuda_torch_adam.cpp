// The GPU's Adam against the CPU's, bit by bit, on the host: the formula is compiled for both from one
// header.
#include <gtest/gtest.h>

#include <bit>
#include <random>
#include <vector>

#include "gpu/cuda/elements.hpp"
#include "train/gan/kernels.hpp"

namespace troupe {
namespace {

TEST(CudaElements, AdamHasTheCpusBits) {
  constexpr std::size_t n = 4099;
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  std::vector<float> g(n), p(n), v(n), e(n), p2(n), v2(n), e2(n);
  for (std::size_t i = 0; i < n; ++i) {
    g[i] = i % 7 == 0 ? 0.0F : normal(random) * 1e-3F;
    p[i] = normal(random);
    v[i] = i % 5 == 0 ? 0.0F : normal(random) * normal(random) * 1e-6F;
    if (v[i] < 0) v[i] = -v[i];
    e[i] = normal(random);
  }
  for (const float correction : {100.0F, 1.37F, 1.0F}) {
    const gan::AdamStep cpu{1.5e-3F, 0.99F, correction, 0.999F};
    const cuda::AdamStep gpu{cpu.rate, cpu.beta2, cpu.correction, cpu.decay};
    gan::adam(cpu, g.data(), p.data(), v.data(), e.data(), p2.data(), v2.data(), e2.data(), n);
    for (std::size_t i = 0; i < n; ++i) {
      const float second = cuda::adam_v(gpu, g[i], v[i]);
      const float moved = cuda::adam_p(gpu, g[i], p[i], second);
      ASSERT_EQ(std::bit_cast<std::uint32_t>(second), std::bit_cast<std::uint32_t>(v2[i])) << i;
      ASSERT_EQ(std::bit_cast<std::uint32_t>(moved), std::bit_cast<std::uint32_t>(p2[i])) << i;
      const float average = cuda::adam_e(gpu, e[i], moved);
      ASSERT_EQ(std::bit_cast<std::uint32_t>(average), std::bit_cast<std::uint32_t>(e2[i])) << i;
    }
  }
}

}  // namespace
}  // namespace troupe
