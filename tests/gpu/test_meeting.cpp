// How ranks agree on calls whose elements go another way.
#include "gpu/meeting.hpp"

#include <gmock/gmock.h>

#include "tests/gpu/collective_reference.hpp"

namespace troupe::test {
namespace {

using testing::HasSubstr;
using Call = Meeting::Call;

std::vector<std::unique_ptr<Meeting>> meetings(int ranks, double timeout = 20) {
  std::vector<std::unique_ptr<Meeting>> all;
  for (auto& host : make_in_process(ranks, timeout)) all.push_back(std::make_unique<Meeting>(host, timeout));
  return all;
}
CallShape shape(int members, int first, int held, std::size_t n) {
  return {"", members, first, held, n, 0, false, 0};
}

TEST(Meeting, TellsEveryRankTheRunsOfAllAlsoWhenTheyChangeAndComeBack) {
  const auto ends = meetings(3);
  on_ranks(3, [&](int r) {
    auto& mine = *ends[static_cast<std::size_t>(r)];
    for (int round = 0; round < 200; ++round) {
      const int each = 1 + round % 90;  // more shapes than are kept
      const std::vector<CallShape> sums{shape(3 * each, r * each, each, 10), shape(1, 0, r == 2, 5)};
      const auto met = mine.come(Call::several, sums, 10 * round + r);
      ASSERT_TRUE(met) << met.error().text();
      for (std::size_t s = 0; s < 3; ++s) {
        ASSERT_EQ(mine.runs(0)[s].first, static_cast<int>(s) * each);
        ASSERT_EQ(mine.runs(0)[s].count, each);
        ASSERT_EQ(mine.runs(1)[s].count, s == 2);
      }
      ASSERT_EQ(mine.value(), 10 * round);
    }
  });
}

TEST(Meeting, SharesTheWordsOfRank0) {
  const auto ends = meetings(3);
  on_ranks(3, [&](int r) {
    std::vector<std::int64_t> words{r, -r, r + 5};
    ASSERT_TRUE(ends[static_cast<std::size_t>(r)]->share(words));
    EXPECT_EQ(words, (std::vector<std::int64_t>{0, 0, 5}));
  });
}

TEST(Meeting, CallsThatDoNotFitAreToldOnEveryRankInTheSameWords) {
  for (const auto& [shapes, why] :
       {std::pair{std::vector{shape(2, 0, 1, 9), shape(2, 1, 1, 8)}, "rank 0 sums 9 elements, rank 1 sums 8"},
        {std::vector{shape(2, 0, 1, 9), shape(2, 0, 1, 9)}, "rank 1 starts at member 0"}}) {
    const auto ends = meetings(2);
    on_ranks(2, [&, &all = shapes, says = why](int r) {
      const auto rank = static_cast<std::size_t>(r);
      const auto met = ends[rank]->come(Call::sum_float, {&all[rank], 1});
      ASSERT_FALSE(met);
      EXPECT_EQ(met.error().code, ErrorCode::internal);
      EXPECT_THAT(met.error().text(), HasSubstr(says));
      EXPECT_THAT(ends[rank]->failure().value_or(Error{}).text(), HasSubstr(says));
      EXPECT_FALSE(ends[rank]->come(Call::barrier)) << "it stays failed";
    });
  }
}

TEST(Meeting, OneRankIsHeldToTheRulesToo) {
  const auto end = std::move(meetings(1).front());
  const auto good = shape(2, 0, 2, 9), short_by_one = shape(2, 0, 1, 9);
  EXPECT_TRUE(end->come(Call::sum_float, {&good, 1}));
  const auto met = end->come(Call::sum_float, {&short_by_one, 1});
  ASSERT_FALSE(met);
  EXPECT_THAT(met.error().text(), HasSubstr("the ranks hold 1 of 2 members"));
}

TEST(Meeting, ARanksOwnFaultIsToldAtOnceByItsName) {
  const auto ends = meetings(3);
  const auto told = ends[1]->fail({ErrorCode::no_capacity, "out of memory", "device"});
  EXPECT_THAT(told.text(), HasSubstr("rank 1 of 3 failed"));
  for (const auto& end : ends)
    EXPECT_THAT(end->failure().value_or(Error{}).text(), HasSubstr("out of memory"));
}

/// NCCL tells of a lost rank sooner than the host may, and can't say which: who is missed says it.
TEST(Meeting, ARankThatIsLostIsNamedThoughOthersHeardOfItFirst) {
  const auto ends = meetings(3, 0.1);
  on_ranks(3, [&](int r) {
    if (r == 1) return;
    const auto told =
        ends[static_cast<std::size_t>(r)]->fail({ErrorCode::peer_failed, "remote error", "NCCL"});
    EXPECT_EQ(told.code, ErrorCode::peer_missing);
    EXPECT_THAT(told.text(), HasSubstr("1 of 3"));
  });
}

TEST(Meeting, WhereNobodyIsLostWhoHeardTheErrorTellsIt) {
  const auto ends = meetings(3);
  on_ranks(3, [&](int r) {
    auto& mine = *ends[static_cast<std::size_t>(r)];
    const auto told = r == 1 ? mine.fail({ErrorCode::peer_failed, "remote error", "NCCL"})
                             : mine.come(Call::barrier).error();
    EXPECT_EQ(told.code, ErrorCode::peer_failed);
    EXPECT_THAT(told.text(), HasSubstr("rank 1 of 3 failed"));
    EXPECT_THAT(told.text(), HasSubstr("remote error"));
  });
}

}  // namespace
}  // namespace troupe::test
