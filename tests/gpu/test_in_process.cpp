#include "tests/gpu/collective_suite.hpp"

namespace troupe::test {

INSTANTIATE_TEST_SUITE_P(InProcess, CollectiveSuite, testing::Values(&make_in_process));

TEST(TreeSum, of_no_members_is_zero) {
  std::vector<float> out(5, 3.0f);
  tree_sum(std::span<const float* const>{}, out.data(), 1, 4, 2.0f);
  EXPECT_EQ(out, (std::vector<float>{3, 0, 0, 0, 3}));
}

TEST(TreeSum, touches_only_its_range_and_splits_anywhere) {
  const auto members = random_members<double>(7, 5'000);
  const auto expected = reference_sum(members, 5'000, 0.1);
  std::vector<const double*> pointers;
  for (const auto& m : members) pointers.push_back(m.data());
  std::vector<double> out(5'000, -1);
  for (const auto& [begin, end] : {std::pair{10, 11}, {11, 1'500}, {1'500, 4'990}})
    tree_sum(std::span<const double* const>(pointers), out.data(), begin, end, 0.1);
  EXPECT_TRUE(same_bits<double>({out.data() + 10, 4'980}, {expected.data() + 10, 4'980}));
  EXPECT_EQ(out[9], -1);
  EXPECT_EQ(out[4'990], -1);
}

TEST(TreeSum, integers_wrap_instead_of_overflowing) {
  const std::int64_t big = INT64_MAX;
  const std::int64_t* members[] = {&big, &big};
  std::int64_t out = 0;
  tree_sum(std::span<const std::int64_t* const>(members), &out, 0, 1, 1);
  EXPECT_EQ(out, -2);
}

TEST(TreeSum, of_very_many_members_has_the_reference_bits) {
  const auto members = random_members<float>(1'000, 70);
  std::vector<const float*> pointers;
  for (const auto& m : members) pointers.push_back(m.data());
  std::vector<float> out(70);
  tree_sum(std::span<const float* const>(pointers), out.data(), 0, 70, 1.0f);
  EXPECT_TRUE(same_bits<float>(out, reference_sum(members, 70, 1.0f)));
}

std::vector<int> counts(const std::vector<ShardRun>& runs) {
  std::vector<int> all;
  int next = 0;
  for (const auto& run : runs) {
    EXPECT_EQ(run.first, next);
    next += run.count;
    all.push_back(run.count);
  }
  return all;
}

TEST(SplitShards, follows_the_weights) {
  EXPECT_EQ(counts(split_shards(8, {1, 1})), (std::vector{4, 4}));
  EXPECT_EQ(counts(split_shards(8, {3, 1})), (std::vector{6, 2}));
  EXPECT_EQ(counts(split_shards(7, {2, 2, 2})), (std::vector{3, 2, 2}));
  EXPECT_EQ(counts(split_shards(4, {1, 2})), (std::vector{1, 3}));
  EXPECT_EQ(counts(split_shards(4, {100, 1, 1})), (std::vector{2, 1, 1}));
}

TEST(SplitShards, leaves_out_the_weakest_where_there_are_too_few) {
  EXPECT_EQ(counts(split_shards(1, {1, 2, 1})), (std::vector{0, 1, 0}));
  EXPECT_EQ(counts(split_shards(0, {1, 2})), (std::vector{0, 0}));
  EXPECT_EQ(counts(split_shards(3, {0, 0})), (std::vector{2, 1}));
  EXPECT_TRUE(split_shards(3, {}).empty());
}

TEST(SplitShards, no_other_split_has_a_faster_slowest_rank) {
  for (int shards = 3; shards <= 12; ++shards)
    for (int w = 0; w < 64; ++w) {
      const std::vector<int> weights = {1 + w % 4, 1 + w / 4 % 4, 1 + w / 16};
      const auto slowest = [&](int a, int b, int c) {
        return std::max({double(a) / weights[0], double(b) / weights[1], double(c) / weights[2]});
      };
      const auto mine = counts(split_shards(shards, weights));
      ASSERT_EQ(mine[0] + mine[1] + mine[2], shards);
      for (int a = 1; a <= shards - 2; ++a)
        for (int b = 1; a + b < shards; ++b)
          EXPECT_LE(slowest(mine[0], mine[1], mine[2]), slowest(a, b, shards - a - b) + 1e-12);
    }
}

}  // namespace troupe::test
