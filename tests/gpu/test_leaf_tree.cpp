#include "gpu/leaf_tree.hpp"

#include <gtest/gtest.h>

#include "tests/gpu/collective_reference.hpp"

namespace troupe::test {
namespace {

TEST(LeafTree, SubtreesOfARunAreTheLargestThatLieInIt) {
  using Trees = std::vector<Subtree>;
  EXPECT_EQ(subtrees(12, 0, 12), (Trees{{0, 12}}));
  EXPECT_EQ(subtrees(12, 3, 3), (Trees{{3, 6}}));
  EXPECT_EQ(subtrees(8, 1, 6), (Trees{{1, 2}, {2, 4}, {4, 6}, {6, 7}}));
  EXPECT_EQ(subtrees(8, 5, 100), (Trees{{5, 6}, {6, 8}}));
  EXPECT_TRUE(subtrees(8, 8, 1).empty());
  EXPECT_TRUE(subtrees(0, 0, 1).empty());
  EXPECT_TRUE(subtrees(8, 2, -1).empty());
  EXPECT_EQ(subtrees(INT32_MAX, INT32_MAX - 1, INT32_MAX), (Trees{{INT32_MAX - 1, INT32_MAX}}));
}

TEST(LeafTree, AnyCutOfTheMembersLeadsToTheReferenceBits) {
  const auto members = random_members<double>(13, 2'100);
  const auto expected = reference_sum(members, 2'100, 0.5);
  for (unsigned cuts = 0; cuts < 1u << 12; cuts += 7) {
    std::vector<Subtree> leaves;
    std::vector<std::vector<double>> sums;
    for (int from = 0, to = 1; to <= 13; ++to) {
      if (to < 13 && !(cuts >> (to - 1) & 1)) continue;
      for (const auto& tree : subtrees(13, from, to - from)) {
        std::vector<const double*> run;
        for (int m = tree.lo; m < tree.hi; ++m) run.push_back(members[static_cast<std::size_t>(m)].data());
        sums.emplace_back(2'100);
        tree_sum(std::span<const double* const>(run), sums.back().data(), 0, 2'100, 1.0);
        leaves.push_back(tree);
      }
      from = to;
    }
    std::vector<const double*> at;
    for (const auto& sum : sums) at.push_back(sum.data());
    std::vector<double> out(2'100);
    const LeafTree tree(13, leaves);
    tree.sum(std::span<const double* const>(at), out.data(), 0, 1'500, 0.5);
    tree.sum(std::span<const double* const>(at), out.data(), 1'500, 2'100, 0.5);
    ASSERT_TRUE(same_bits<double>(out, expected)) << "cuts " << cuts;
  }
}

/// The stack of the merges, with texts for sums.
std::string stacked(const std::vector<Subtree>& leaves, const std::vector<unsigned char>& merged) {
  std::vector<std::string> stack;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    stack.push_back(leaves[i].hi - leaves[i].lo == 1
                        ? std::to_string(leaves[i].lo)
                        : std::to_string(leaves[i].lo) + "-" + std::to_string(leaves[i].hi));
    for (int times = merged[i]; times > 0; --times) {
      const auto right = stack.back();
      stack.pop_back();
      stack.back() = "(" + stack.back() + " " + right + ")";
    }
  }
  return stack.size() == 1 ? stack[0] : "";
}

TEST(LeafTree, AStackAddsTheLeavesInTheTreesOrder) {
  const std::vector<Subtree> ones = {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}};
  EXPECT_EQ(stacked(ones, merges(5, ones)), "(((0 1) 2) (3 4))");
  const std::vector<Subtree> cut = {{0, 3}, {3, 4}, {4, 5}};
  EXPECT_EQ(stacked(cut, merges(5, cut)), "(0-3 (3 4))");
  const std::vector<Subtree> whole = {{0, 5}};
  EXPECT_EQ(stacked(whole, merges(5, whole)), "0-5");
  EXPECT_TRUE(merges(0, {}).empty());
}

}  // namespace
}  // namespace troupe::test
