#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <vector>

#include "gpu/cuda/kernels.hpp"
#include "gpu/cuda/tree_launch.hpp"
#include "gpu/leaf_tree.hpp"
#include "tests/gpu/collective_reference.hpp"

namespace troupe::cuda {
namespace {

using testing::HasSubstr;

TEST(CudaElements, TheTreesSumHasTheCpusBits) {
  constexpr std::size_t n = 8;
  for (int count = 1; count <= kTreeLeaves; ++count) {
    const auto data = test::random_members<float>(count, n);
    std::vector<const void*> members;
    std::vector<Subtree> ones;
    for (int i = 0; i < count; ++i) {
      members.push_back(data[static_cast<std::size_t>(i)].data());
      ones.push_back({i, i + 1});
    }
    const auto leaves = leaves_of(count, ones, members).value();
    const auto expected = test::reference_sum(data, n, 1.0F);
    for (std::size_t at = 0; at < n; ++at)
      ASSERT_EQ(std::bit_cast<std::uint32_t>(tree_element<float>(leaves, at)),
                std::bit_cast<std::uint32_t>(expected[at]))
          << count;
  }
}

TEST(CudaElements, SumsOfSubtreesLeadToTheSameBits) {
  constexpr std::size_t n = 8;
  const auto data = test::random_members<float>(13, n);
  const auto expected = test::reference_sum(data, n, 1.0F);
  for (int first = 0; first <= 13; ++first) {  // members before it in one place, from it on in another
    std::vector<Subtree> cut = subtrees(13, 0, first);
    for (const auto& tree : subtrees(13, first, 13 - first)) cut.push_back(tree);
    std::vector<std::vector<float>> sums;
    for (const auto& tree : cut)
      sums.push_back(test::reference_sum({data.begin() + tree.lo, data.begin() + tree.hi}, n, 1.0F));
    std::vector<const void*> at;
    for (const auto& sum : sums) at.push_back(sum.data());
    const auto leaves = leaves_of(13, cut, at).value();
    for (std::size_t i = 0; i < n; ++i)
      ASSERT_EQ(std::bit_cast<std::uint32_t>(tree_element<float>(leaves, i)),
                std::bit_cast<std::uint32_t>(expected[i]))
          << first;
  }
}

TEST(CudaElements, NoLeafIsZeroAndIntegersWrap) {
  TreeLeaves leaves{};
  EXPECT_EQ(tree_element<double>(leaves, 3), 0.0);
  const long long big = INT64_MAX;
  leaves.count = 2;
  leaves.at[0] = leaves.at[1] = &big;
  leaves.merges[1] = 1;
  EXPECT_EQ(tree_element<long long>(leaves, 0), -2);
  EXPECT_EQ(tree_times(big, 3LL), INT64_MAX - 2);
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
  TreeLeaves leaves{};
  EXPECT_TRUE(kernels->tree_sum(leaves, static_cast<float*>(nullptr), 0, 1, {}).has_value())
      << "nothing to do";
  for (const int count : {-1, kTreeLeaves + 1}) {
    leaves.count = count;
    const auto bad = kernels->tree_sum(leaves, static_cast<float*>(nullptr), 1, 1, {});
    ASSERT_FALSE(bad.has_value());
    EXPECT_THAT(bad.error().text(), HasSubstr("invalid argument"));
  }
}
#endif

}  // namespace
}  // namespace troupe::cuda
