// Sums over several processes: the same bits for every split, in pieces, many at once; what they cost.
#include <gmock/gmock.h>

#include "node_group_fixture.hpp"
#include "transport/node_group_tree.hpp"

namespace troupe::test {
namespace {

using ::testing::HasSubstr;

/// The members of each rank, all of one size.
struct Split {
  std::vector<int> ranks;  // of each process
  std::vector<int> runs;   // members of each rank
};

/// One sum; every process's result has the reference's bits.
void check_split(Planes& planes, const Split& split, std::size_t n, const ChangeGroup& change = {}) {
  const int count = std::accumulate(split.runs.begin(), split.runs.end(), 0);
  const auto members = random_members<float>(count, n);
  const auto expected = reference_sum(members, n, 0.25f);
  auto ends = make_group(planes, split.ranks, kGenerous, change);
  const auto processes = processes_of(ends);
  std::vector<std::vector<float>> outs(split.ranks.size(), std::vector<float>(n));
  on_ranks(static_cast<int>(ends.size()), [&](int r) {
    const auto rank = static_cast<std::size_t>(r);
    const int first = std::accumulate(split.runs.begin(), split.runs.begin() + r, 0);
    std::vector<const float*> mine;
    for (int m = first; m < first + split.runs[rank]; ++m)
      mine.push_back(members[static_cast<std::size_t>(m)].data());
    const auto summed =
        ends[rank]->sum({count, first, mine}, outs[processes[rank]].data(), n, 0.25f, true, {});
    ASSERT_TRUE(summed) << summed.error().text();
  });
  for (const auto& out : outs)
    EXPECT_TRUE(same_bits<float>(out, expected))
        << testing::PrintToString(split.ranks) << " ranks, " << testing::PrintToString(split.runs);
}

void many_pieces(NodeGroupOptions& options) {
  options.small = Bytes{0};
  options.chunk = kib(4);
}

TEST(NodeGroupTree, SubtreesOfARunAreTheLargestThatLieInIt) {
  using group::subtrees;
  using Trees = std::vector<group::Subtree>;
  EXPECT_EQ(subtrees(12, 0, 12), (Trees{{0, 12}}));
  EXPECT_EQ(subtrees(12, 3, 3), (Trees{{3, 6}}));
  EXPECT_EQ(subtrees(8, 1, 6), (Trees{{1, 2}, {2, 4}, {4, 6}, {6, 7}}));
  EXPECT_EQ(subtrees(8, 5, 100), (Trees{{5, 6}, {6, 8}}));
  EXPECT_TRUE(subtrees(8, 8, 1).empty());
  EXPECT_TRUE(subtrees(0, 0, 1).empty());
  EXPECT_TRUE(subtrees(8, 2, -1).empty());
  EXPECT_EQ(subtrees(INT32_MAX, INT32_MAX - 1, INT32_MAX), (Trees{{INT32_MAX - 1, INT32_MAX}}));
}

TEST(NodeGroupTree, AnyCutOfTheMembersLeadsToTheReferenceBits) {
  const auto members = random_members<double>(13, 2'100);
  const auto expected = reference_sum(members, 2'100, 0.5);
  for (unsigned cuts = 0; cuts < 1u << 12; cuts += 7) {
    std::vector<group::Subtree> leaves;
    std::vector<std::vector<double>> sums;
    for (int from = 0, to = 1; to <= 13; ++to) {
      if (to < 13 && !(cuts >> (to - 1) & 1)) continue;
      for (const auto& tree : group::subtrees(13, from, to - from)) {
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
    const group::LeafTree tree(13, leaves);
    tree.sum(std::span<const double* const>(at), out.data(), 0, 1'500, 0.5);
    tree.sum(std::span<const double* const>(at), out.data(), 1'500, 2'100, 0.5);
    ASSERT_TRUE(same_bits<double>(out, expected)) << "cuts " << cuts;
  }
}

/// All ways to give 12 members to ranks would be thousands: every way for two runs, and a sample for more.
TEST(NodeGroupSum, EverySplitOverProcessesHasTheReferenceBits) {
  Planes planes(4);
  std::mt19937 random(5);
  for (int processes = 2; processes <= 4; ++processes)
    for (int shape = 0; shape < 1 << processes; ++shape) {
      Split split;
      for (int p = 0; p < processes; ++p) split.ranks.push_back(1 + (shape >> p & 1));
      const int ranks = std::accumulate(split.ranks.begin(), split.ranks.end(), 0);
      for (int sample = 0; sample < (ranks == 2 ? 13 : 3); ++sample) {
        std::vector<int> cuts = {0, 12};
        for (int i = 1; i < ranks; ++i) cuts.push_back(ranks == 2 ? sample : static_cast<int>(random() % 13));
        std::sort(cuts.begin(), cuts.end());
        split.runs.clear();
        for (std::size_t i = 1; i < cuts.size(); ++i) split.runs.push_back(cuts[i] - cuts[i - 1]);
        check_split(planes, split, 2'311, sample % 2 ? ChangeGroup(&many_pieces) : ChangeGroup());
        if (HasFailure()) return;
      }
    }
}

TEST(NodeGroupSum, LargeSumsGoInPieces) {
  Planes planes(3);
  check_split(planes, {{1, 2}, {3, 1, 2}}, (30u << 20) / sizeof(float) + 5);
  check_split(planes, {{1, 1, 1}, {2, 1, 3}}, (30u << 20) / sizeof(float) + 5);
}

TEST(NodeGroupSum, AWindowThatIsSmallOnlyTakesLonger) {
  Planes planes(3, [](DataPlaneOptions& options) { options.window = mib(1); });
  check_split(planes, {{1, 1, 1}, {5, 2, 5}}, 3'000'001, [](auto& options) { options.chunk = kib(128); });
  check_split(planes, {{1, 1}, {7, 5}}, 3'000'001, [](auto& options) { options.chunk = kib(128); });
}

TEST(NodeGroupSum, IsEncryptedWithKeys) {
  Planes planes(2, {}, true);
  check_split(planes, {{1, 2}, {1, 1, 2}}, 500'000);
}

TEST(NodeGroupSum, MoreSumsThanAMessageDescribesAreMade) {
  Planes planes(2);
  auto ends = make_group(planes, {1, 1});
  constexpr std::size_t kSums = 1'300;
  std::vector<std::vector<std::vector<float>>> members(kSums);
  std::vector outs(2, std::vector<std::vector<float>>(kSums));
  for (std::size_t i = 0; i < kSums; ++i) members[i] = random_members<float>(2, i * 37 % 101);
  on_ranks(2, [&](int r) {
    const auto rank = static_cast<std::size_t>(r);
    std::vector<const float*> mine(kSums);
    std::vector<FloatSum> sums;
    for (std::size_t i = 0; i < kSums; ++i) {
      mine[i] = members[i][rank].data();
      outs[rank][i].resize(members[i][0].size());
      sums.push_back({{2, r, {&mine[i], 1}}, outs[rank][i].data(), outs[rank][i].size(), 1.0f});
    }
    std::vector<std::size_t> followed(kSums);
    const auto summed = ends[rank]->sum_each(
        sums, {}, [&](std::size_t i, std::size_t begin, std::size_t end) { followed[i] += end - begin; });
    ASSERT_TRUE(summed) << summed.error().text();
    for (std::size_t i = 0; i < kSums; ++i) ASSERT_EQ(followed[i], outs[rank][i].size()) << i;
  });
  for (const auto& out : outs)
    for (std::size_t i = 0; i < kSums; ++i)
      ASSERT_TRUE(same_bits<float>(out[i], reference_sum(members[i], out[i].size(), 1.0f))) << i;
}

TEST(NodeGroupSum, SendsWhatARingWouldSend) {
  Planes planes(4);
  auto ends = make_group(planes, {1, 1, 1, 1});
  constexpr std::size_t kN = 1'000'000;
  const std::vector<float> one(kN, 1.0f);
  std::vector<std::vector<float>> outs(4, std::vector<float>(kN));
  on_ranks(4, [&](int r) {
    const float* mine[] = {one.data(), one.data()};
    ASSERT_TRUE(ends[static_cast<std::size_t>(r)]->sum(
        {8, 2 * r, mine}, outs[static_cast<std::size_t>(r)].data(), kN, 1.0f, true, {}));
    EXPECT_EQ(outs[static_cast<std::size_t>(r)][kN - 1], 8.0f);
  });
  for (const auto& end : ends) {
    const double floats = 2.0 * kN * 3 / 4;
    EXPECT_GE(static_cast<double>(end->sent_bytes()), 4 * floats * 0.9999);
    EXPECT_LE(static_cast<double>(end->sent_bytes()), 4 * floats * 1.002);
  }
}

TEST(NodeGroupSum, BroadcastDoesNotWaitForOtherProcesses) {
  Planes planes(2);
  auto ends = make_group(planes, {1, 1});
  for (std::int64_t i = 0; i < 50; ++i) ASSERT_EQ(ends[0]->broadcast(i * i), i * i);
  for (std::int64_t i = 0; i < 50; ++i) ASSERT_EQ(ends[1]->broadcast(-1), i * i);
}

TEST(NodeGroupOptionsCheck, WhatCannotBeIsRefusedInWords) {
  Planes planes(2);
  const auto refusal = [&](const ChangeGroup& change) {
    auto options = group_options({1, 1}, planes.new_channel(), 1);
    options.self = "a";
    change(options);
    const auto made = make_node_group(planes.of(0), options);
    return made ? std::string() : made.error().text();
  };
  EXPECT_THAT(refusal([](auto& o) { o.self = "c"; }), HasSubstr("given c"));
  EXPECT_THAT(refusal([](auto& o) { o.processes[1].name = "a"; }), HasSubstr("twice"));
  EXPECT_THAT(refusal([](auto& o) { o.processes[1].ranks = 0; }), HasSubstr("ranks of process b"));
  EXPECT_THAT(refusal([](auto& o) { o.timeout_seconds = 0; }), HasSubstr("timeout_seconds"));
  EXPECT_THAT(refusal([](auto& o) { o.chunk = kib(1); }), HasSubstr("chunk"));
  EXPECT_THAT(refusal([](auto& o) { o.small = Bytes{-1}; }), HasSubstr("small"));
  EXPECT_THAT(refusal([](auto& o) { o.processes[1].name = "z"; }), HasSubstr("z"));
  EXPECT_EQ(refusal([](auto& o) { o.processes.pop_back(); }), "");
}

}  // namespace
}  // namespace troupe::test
