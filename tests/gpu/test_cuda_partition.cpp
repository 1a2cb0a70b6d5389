#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "gpu/cuda/partition.hpp"

namespace troupe::cuda {
namespace {

using testing::HasSubstr;

Grid h100() { return *make_grid(132, 8, 8); }

TEST(Grid, CutsAnH100IntoSixteenPiecesAndFourSmsLeft) {
  const Grid g = h100();
  EXPECT_EQ(g.piece, 8U);
  EXPECT_EQ(g.pieces, 16U);
  EXPECT_EQ(g.left_over, 4U);
}

TEST(Grid, TakesWhatTheDriverTellsForOtherDevices) {
  const auto a100 = make_grid(108, 4, 2);  // least 4, in steps of 2
  ASSERT_TRUE(a100.has_value());
  EXPECT_EQ(a100->piece, 4U);
  EXPECT_EQ(a100->pieces, 27U);
  EXPECT_EQ(a100->left_over, 0U);
  EXPECT_EQ(make_grid(40, 6, 4)->piece, 8U) << "the least part, rounded up to the alignment";
  EXPECT_EQ(make_grid(8, 8, 8)->pieces, 1U);
}

TEST(Grid, RefusesWhatCantBeCut) {
  EXPECT_EQ(make_grid(6, 8, 8).error().code, ErrorCode::no_capacity);
  EXPECT_THAT(make_grid(6, 8, 8).error().text(), HasSubstr("whole GPU"));
  EXPECT_EQ(make_grid(132, 0, 8).error().code, ErrorCode::internal);
  EXPECT_EQ(make_grid(132, 8, 0).error().code, ErrorCode::internal);
}

TEST(Grid, RoundsAsksUpAndGivesTheWholeDeviceWhatIsLeftOver) {
  const Grid g = h100();
  EXPECT_EQ(*pieces_for(g, 1), 1U);
  EXPECT_EQ(*pieces_for(g, 8), 1U);
  EXPECT_EQ(*pieces_for(g, 9), 2U);
  EXPECT_EQ(*pieces_for(g, 120), 15U);
  for (const unsigned sms : {121U, 128U, 129U, 132U}) EXPECT_EQ(*pieces_for(g, sms), 16U) << sms;
  EXPECT_EQ(sms_of(g, {3, 2}), 16U);
  EXPECT_EQ(sms_of(g, {0, 16}), 132U);
}

TEST(Grid, TellsWhatMayBeAskedFor) {
  EXPECT_EQ(allowed_sms(h100()), "8, 16, … 120, or all 132");
  EXPECT_EQ(allowed_sms(*make_grid(8, 8, 8)), "all 8");
  EXPECT_EQ(allowed_sms(*make_grid(20, 8, 8)), "8, or all 20");
  EXPECT_EQ(allowed_sms(*make_grid(32, 8, 8)), "8, 16, 24, or all 32");
  const auto none = pieces_for(h100(), 0), many = pieces_for(h100(), 133);
  EXPECT_EQ(none.error().code, ErrorCode::bad_config);
  EXPECT_EQ(many.error().code, ErrorCode::no_capacity);
  EXPECT_THAT(many.error().text(), HasSubstr("133 SMs"));
  EXPECT_THAT(many.error().text(), HasSubstr("8, 16, … 120, or all 132"));
}

TEST(Place, PutsSlicesSideBySide) {
  const std::vector<unsigned> asks = {20, 64, 8};
  const auto runs = place(h100(), asks);
  ASSERT_TRUE(runs.has_value());
  EXPECT_EQ(*runs, (std::vector<Pieces>{{0, 3}, {3, 8}, {11, 1}}));
}

TEST(Place, TellsWhatDoesNotFit) {
  const std::vector<unsigned> asks = {60, 60, 9};  // 64 + 64 + 16 once rounded
  const auto runs = place(h100(), asks);
  ASSERT_FALSE(runs.has_value());
  EXPECT_EQ(runs.error().code, ErrorCode::no_capacity);
  EXPECT_THAT(runs.error().text(), HasSubstr("144"));
  EXPECT_THAT(runs.error().text(), HasSubstr("128 of 132 in pieces of 8"));
  const std::vector<unsigned> whole = {132}, whole_and_one = {132, 1}, zero = {8, 0};
  EXPECT_EQ(place(h100(), whole)->front(), (Pieces{0, 16}));
  EXPECT_FALSE(place(h100(), whole_and_one).has_value());
  EXPECT_EQ(place(h100(), zero).error().code, ErrorCode::bad_config);
  const std::vector<unsigned> crowd(100000, 132);
  EXPECT_EQ(place(h100(), crowd).error().code, ErrorCode::no_capacity);
}

TEST(MaySwitch, LetsTheOneThatShrinksGoFirst) {
  const std::vector<Pieces> before = {{0, 8}, {8, 8}}, after = {{0, 4}, {4, 12}};
  EXPECT_EQ(may_switch(before, after), (std::vector<bool>{true, false}));
  const std::vector<Pieces> between = {{0, 4}, {8, 8}};
  EXPECT_EQ(may_switch(between, after), (std::vector<bool>{false, true}));
}

TEST(MaySwitch, BringsAnyPlacementToAnyOtherAndNeverSharesAPiece) {
  std::mt19937 random(7);
  const Grid g = h100();
  const auto draw = [&](std::size_t n) {  // n runs in order, gaps included
    std::vector<unsigned> cuts(2 * n);
    do {
      for (auto& c : cuts) c = random() % (g.pieces + 1);
      std::sort(cuts.begin(), cuts.end());
    } while ([&] {
      for (std::size_t i = 0; i < n; ++i)
        if (cuts[2 * i] == cuts[2 * i + 1]) return true;
      return false;
    }());
    std::vector<Pieces> runs;
    for (std::size_t i = 0; i < n; ++i) runs.push_back({cuts[2 * i], cuts[2 * i + 1] - cuts[2 * i]});
    return runs;
  };
  for (int round = 0; round < 2000; ++round) {
    const std::size_t n = 1 + random() % 4;
    auto at = draw(n);
    const auto to = draw(n);
    for (std::size_t tries = 0; at != to; ++tries) {
      ASSERT_LT(tries, n);
      const auto may = may_switch(at, to);
      std::vector<std::size_t> free;
      for (std::size_t i = 0; i < n; ++i)
        if (may[i]) free.push_back(i);
      ASSERT_FALSE(free.empty()) << "stuck";
      const auto moved = free[random() % free.size()];  // the others take their time
      at[moved] = to[moved];
      for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = i + 1; j < n; ++j) ASSERT_FALSE(overlap(at[i], at[j]));
    }
  }
}

TEST(LikelyNext, NamesRunsThatExistAndNoneTwice) {
  const Grid g = h100();
  for (unsigned first = 0; first < g.pieces; ++first)
    for (unsigned count = 1; first + count <= g.pieces; ++count) {
      const Pieces now{first, count};
      const auto runs = likely_next(g, now, 6);
      EXPECT_LE(runs.size(), 6U);
      EXPECT_FALSE(runs.empty());
      auto sorted = runs;
      std::sort(sorted.begin(), sorted.end());
      EXPECT_EQ(std::adjacent_find(sorted.begin(), sorted.end()), sorted.end());
      for (const auto& run : runs) {
        EXPECT_NE(run, now);
        EXPECT_GE(run.count, 1U);
        EXPECT_LE(run.end(), g.pieces);
      }
    }
  EXPECT_EQ(likely_next(g, {4, 4}, 2), (std::vector<Pieces>{{4, 5}, {4, 3}}));
  EXPECT_TRUE(likely_next(*make_grid(8, 8, 8), {0, 1}, 6).empty());
}

}  // namespace
}  // namespace troupe::cuda
