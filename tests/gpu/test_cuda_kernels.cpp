#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <random>
#include <span>
#include <vector>

#include "gpu/collective.hpp"
#include "gpu/cuda/kernels.hpp"

namespace troupe::cuda {
namespace {

using testing::HasSubstr;

/// The tree as it is defined, depth first.
float tree(const std::vector<float>& v, int lo, int hi) {
  if (hi - lo == 1) return v[static_cast<std::size_t>(lo)];
  const int mid = lo + (hi - lo + 1) / 2;
  return tree(v, lo, mid) + tree(v, mid, hi);
}

TEST(CudaElements, TheTreesSumHasTheCpusBits) {
  std::mt19937 random(5);
  std::uniform_real_distribution<float> exponent(-20, 20);
  for (int count = 1; count <= 300; ++count) {
    std::vector<std::vector<float>> data(static_cast<std::size_t>(count), std::vector<float>(8));
    std::vector<const float*> members;
    for (auto& d : data) {
      for (auto& x : d) x = (random() % 2 ? 1.0F : -1.0F) * std::exp2(exponent(random));
      members.push_back(d.data());
    }
    std::vector<float> cpu(8);
    troupe::tree_sum(std::span<const float* const>(members), cpu.data(), 0, 8, 1.0F);
    for (std::size_t at = 0; at < 8; ++at) {
      const float device = tree_element(members.data(), count, at);
      ASSERT_EQ(std::bit_cast<std::uint32_t>(device), std::bit_cast<std::uint32_t>(cpu[at])) << count;
      std::vector<float> column;
      for (const auto& d : data) column.push_back(d[at]);
      ASSERT_EQ(std::bit_cast<std::uint32_t>(device), std::bit_cast<std::uint32_t>(tree(column, 0, count)));
    }
  }
}

TEST(CudaElements, TheTreeNeverWaitsForMoreThanItsDepth) {
  for (const int count : {1, 2, 3, 1000, 1 << 15, (1 << 15) + 1, 100003}) {
    int top = 0, most = 0;
    for (int i = 0; i < count; ++i) {
      top -= tree_ends(count, i);
      ASSERT_GE(top, 0);
      most = std::max(most, ++top);
    }
    EXPECT_EQ(top, 1);
    EXPECT_LE(most, kTreeDepth);
  }
}

TEST(Kernels, SaysThatThereAreNoneAndWhatToDo) {
  const auto none = Kernels::open("libtroupe_of_no_machine.so");
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, ErrorCode::not_found);
  EXPECT_THAT(none.error().text(), HasSubstr("nvcc"));
  EXPECT_THAT(Kernels::open("libm.so.6").error().text(), HasSubstr("no kernels of troupe"));
}

#ifdef TROUPE_CUDA_KERNELS
TEST(Kernels, LoadWithoutAGpuAndRefuseWhatMakesNoSense) {
  const auto kernels = Kernels::open(TROUPE_CUDA_KERNELS);
  ASSERT_TRUE(kernels.has_value()) << kernels.error().text();
  EXPECT_TRUE(kernels->tree_sum(nullptr, 1, nullptr, 0, 1, {}).has_value()) << "nothing to do";
  for (const int count : {0, -1, kTreeMembers + 1}) {
    const auto bad = kernels->tree_sum(nullptr, count, nullptr, 1, 1, {});
    ASSERT_FALSE(bad.has_value());
    EXPECT_THAT(bad.error().text(), HasSubstr("invalid argument"));
  }
}
#endif

}  // namespace
}  // namespace troupe::cuda
