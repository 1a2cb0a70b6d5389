// Sums over several processes: the same bits for every split, in pieces, many at once; what they cost.
#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <limits>
#include <thread>

#include "node_group_fixture.hpp"

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

/// Ranks that make what they add only when it is asked for: what was made already is summed meanwhile.
TEST(NodeGroupSum, SendsWhatIsThereWhileTheRestIsMade) {
  constexpr std::size_t kChunk = 4096 / sizeof(float), kN = 12 * kChunk + 5;
  for (const int processes : {2, 3}) {
    Planes planes(processes);
    auto ends = make_group(planes, std::vector<int>(static_cast<std::size_t>(processes), 1), kGenerous,
                           [](auto& options) { options.chunk = kib(4), options.small = Bytes{0}; });
    const auto members = random_members<float>(processes, kN);
    std::vector outs(static_cast<std::size_t>(processes), std::vector<float>(kN));
    std::atomic<bool> summed{false};  // by the last rank, anything
    on_ranks(processes, [&](int r) {
      const auto rank = static_cast<std::size_t>(r);
      std::vector<float> mine(kN, std::numeric_limits<float>::quiet_NaN());
      const float* buffer = mine.data();
      std::size_t asked = 0;
      FloatSum sum{
          {processes, r, {&buffer, 1}}, outs[rank].data(), kN, 1.0f, [&](std::size_t from, std::size_t to) {
            if (r == 0 && ++asked == 12) {  // not before the others got a chunk and summed it
              const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
              while (!summed && std::chrono::steady_clock::now() < end) std::this_thread::yield();
            }
            std::copy(&members[rank][from], &members[rank][to - 1] + 1, &mine[from]);
          }};
      ASSERT_TRUE(ends[rank]->sums_as_ready());
      const auto done = ends[rank]->sum_each({&sum, 1}, {}, [&](std::size_t, std::size_t, std::size_t) {
        if (r == processes - 1) summed = true;
      });
      ASSERT_TRUE(done) << done.error().text();
      if (r == 0) {
        EXPECT_GE(asked, 12u);
      }
    });
    EXPECT_TRUE(summed);
    for (const auto& out : outs) EXPECT_TRUE(same_bits<float>(out, reference_sum(members, kN, 1.0f)));
  }
}

TEST(NodeGroupSum, WaitsForAllOfItWhereRanksShareAProcessOrNobodyWantsItSooner) {
  Planes planes(2);
  for (const auto& end : make_group(planes, {2, 1})) EXPECT_EQ(end->sums_as_ready(), end->ranks_here() == 1);
  for (const auto& end : make_group(planes, {1, 1}, kGenerous, [](auto& o) { o.overlap = false; }))
    EXPECT_FALSE(end->sums_as_ready());
  EXPECT_FALSE(make_in_process(1, 1).front()->sums_as_ready());
}

TEST(NodeGroupSum, WhatCannotBeMadeFailsItsSumEverywhere) {
  Planes planes(2);
  auto ends = make_group(planes, {1, 1});
  on_ranks(2, [&](int r) {
    std::vector<float> mine(10, 1.0f), out(10);
    const float* buffer = mine.data();
    FloatSum sum{{2, r, {&buffer, 1}}, out.data(), 10, 1.0f, {}};
    if (r == 0) sum.ready = [](std::size_t, std::size_t) { throw std::runtime_error("no gradient"); };
    const auto done = ends[static_cast<std::size_t>(r)]->sum_each({&sum, 1}, {}, [](auto, auto, auto) {});
    ASSERT_FALSE(done);
    EXPECT_THAT(done.error().text(), HasSubstr("no gradient"));
  });
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
