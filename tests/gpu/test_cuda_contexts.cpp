#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "gpu/cuda/context_table.hpp"
#include "tests/gpu/fake_driver.hpp"

namespace troupe::cuda {
namespace {

struct OneSlice {
  explicit OneSlice(std::size_t bound = 4, FakeOptions options = {})
      : fake(std::make_shared<FakeDriver>(options)) {
    cut = *cut_device(*fake, 0);
    table = *ContextTable::open(fake, cut, {0, 4}, bound);
  }
  std::shared_ptr<FakeDriver> fake;
  std::shared_ptr<const CutDevice> cut;
  std::unique_ptr<ContextTable> table;
};

TEST(CutDevice, BelievesWhatTheDriverMade) {
  FakeDriver fake({.sms = 132, .least = 8, .alignment = 8});
  const auto cut = cut_device(fake, 0);
  ASSERT_TRUE(cut.has_value());
  EXPECT_EQ((*cut)->pieces.size(), 16U);
  EXPECT_EQ((*cut)->grid.left_over, 4U);
  FakeDriver small({.sms = 4});
  EXPECT_EQ(cut_device(small, 0).error().code, ErrorCode::no_capacity);
}

TEST(CutDevice, WithoutGreenContextsIsOnePieceWithAStreamOfItsOwn) {
  const auto old = std::make_shared<FakeDriver>(FakeOptions{.green = false});
  const auto cut = cut_device(*old, 0);
  ASSERT_TRUE(cut.has_value());
  EXPECT_EQ((*cut)->grid.pieces, 1U);
  EXPECT_EQ((*cut)->grid.piece, 132U);
  EXPECT_THAT((*cut)->uncut, testing::HasSubstr("no green contexts"));
  const auto table = ContextTable::open(old, *cut, {0, 1}, 2);
  ASSERT_TRUE(table.has_value());
  EXPECT_EQ((*table)->now().sms, 132U);
  EXPECT_TRUE(old->contexts.empty());
  EXPECT_EQ(old->streams.size(), 1U);
  EXPECT_FALSE((*table)->ask({0, 2})) << "there is no second piece";
  old->fail_name = "device";
  EXPECT_FALSE(cut_device(*old, 0)) << "a driver that does not even tell of the device";
}

TEST(ContextsAhead, AreMadeOnceByAnotherThreadAndSwitchedTo) {
  OneSlice s;
  ContextsAhead ahead(s.fake, s.cut);
  ahead.has(s.table->runs());
  Result<void> made;
  std::thread([&] { made = ahead.make({0, 8}); }).join();
  ASSERT_TRUE(made);
  const auto there = s.fake->contexts.size();
  EXPECT_EQ(there, 2U);
  EXPECT_TRUE(ahead.make({0, 8}));
  EXPECT_TRUE(ahead.make({0, 4})) << "the slice has it";
  EXPECT_EQ(s.fake->contexts.size(), there);
  for (auto& one : ahead.take()) ASSERT_TRUE(s.table->adopt(std::move(one)));
  const int calls = s.fake->calls;
  ASSERT_TRUE(s.table->ask({0, 8}));
  EXPECT_EQ(s.fake->calls, calls) << "nothing is left to be made";
  EXPECT_TRUE((*s.table->at_step_edge())->prepared);
  EXPECT_EQ(s.table->now().sms, 64U);
  EXPECT_TRUE(ahead.take().empty());
}

TEST(ContextsAhead, KeepTheNewestAloneAndNothingThatFailed) {
  OneSlice s;
  {
    ContextsAhead ahead(s.fake, s.cut);
    ASSERT_TRUE(ahead.make({0, 8}));
    ASSERT_TRUE(ahead.make({0, 9}));
    EXPECT_EQ(s.fake->contexts.size(), 2U) << "the slice's own and one";
    for (const char* call : {"make_context", "sms_in_force", "make_stream", "enter"}) {
      s.fake->fail_name = call;
      EXPECT_FALSE(ahead.make({0, 10})) << call;
      EXPECT_EQ(s.fake->contexts.size(), 2U) << call;
    }
    s.fake->fail_name.clear();
    EXPECT_EQ(ahead.make({0, 99}).error().code, ErrorCode::no_capacity);
    auto all = ahead.take();
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all.front().facts.asked, 72U);
  }
  EXPECT_EQ(s.fake->contexts.size(), 1U);
  EXPECT_EQ(s.fake->in_use_destroyed, 0);
}

TEST(ContextsAhead, WhatTheTableHasNoRoomForMakesRoom) {
  OneSlice s(2);
  for (unsigned count = 5; count < 9; ++count) {
    auto made = make_context(s.fake, *s.cut, {0, count});
    ASSERT_TRUE(made);
    ASSERT_TRUE(s.table->adopt(std::move(*made)));
    EXPECT_EQ(s.table->live(), 2U);
  }
  EXPECT_EQ(s.table->runs().back(), PieceSet(0, 8));
}

TEST(ContextTable, RunsOnTheSmsOfItsRunAndTellsWhatIsInForce) {
  OneSlice s;
  EXPECT_EQ(s.table->now().sms, 32U);
  EXPECT_EQ(s.table->now().asked, 32U);
  const auto& sms = s.fake->sms_of(s.fake->context_of(s.table->now().stream));
  EXPECT_EQ(*sms.begin(), 0U);
  EXPECT_EQ(*sms.rbegin(), 31U);
  s.fake->in_force_off = 2;
  ASSERT_TRUE(s.table->ask({4, 2}).has_value());
  ASSERT_TRUE(s.table->at_step_edge().has_value());
  EXPECT_EQ(s.table->now().asked, 16U);
  EXPECT_EQ(s.table->now().sms, 18U) << "read back, not believed";
}

TEST(ContextTable, AllPiecesAreTheWholeDevice) {
  OneSlice s;
  ASSERT_TRUE(s.table->ask({0, 16}).has_value());
  ASSERT_TRUE(s.table->at_step_edge().has_value());
  EXPECT_EQ(s.table->now().sms, 132U);
}

TEST(ContextTable, SwitchesAtTheEdgeAloneAndInTheOrderOfTheWork) {
  OneSlice s;
  const auto before = s.table->now().stream;
  ASSERT_TRUE(s.table->ask({0, 8}).has_value());
  EXPECT_EQ(s.table->now().stream, before) << "not before the edge";
  const auto done = s.table->at_step_edge();
  ASSERT_TRUE(done.has_value() && done->has_value());
  EXPECT_EQ((*done)->before.stream, before);
  EXPECT_EQ((*done)->after.sms, 64U);
  EXPECT_FALSE((*done)->prepared);
  const auto event = std::to_string(*s.fake->events.begin());
  const std::vector<std::string> last(s.fake->log.end() - 2, s.fake->log.end());
  EXPECT_EQ(last,
            (std::vector<std::string>{"record " + event + " " + std::to_string(before.value),
                                      "wait " + std::to_string(s.table->now().stream.value) + " " + event}));
  EXPECT_FALSE(s.table->at_step_edge()->has_value()) << "nothing is pending any more";
}

TEST(ContextTable, APreparedSizeIsASwitchThatMakesNothing) {
  OneSlice s;
  const std::vector<Pieces> likely = {{0, 5}, {0, 3}, {0, 8}};
  EXPECT_EQ(*s.table->prepare(likely), 3U);
  const auto made = s.table->made();
  const int calls = s.fake->calls;
  ASSERT_TRUE(s.table->ask({0, 3}).has_value());
  const auto done = s.table->at_step_edge();
  EXPECT_TRUE((*done)->prepared);
  EXPECT_EQ(s.table->made(), made);
  EXPECT_EQ(s.fake->calls - calls, 2) << "an event recorded and waited for";
}

TEST(ContextTable, NeverHoldsMoreThanItsBoundAndDropsWhatWasUsedLongestAgo) {
  OneSlice s(3);
  const std::vector<Pieces> many = {{0, 5}, {0, 3}, {0, 8}, {0, 9}};
  EXPECT_EQ(*s.table->prepare(many), 2U) << "one is in force";
  EXPECT_EQ(s.table->live(), 3U);
  ASSERT_TRUE(s.table->ask({0, 5}).has_value());
  ASSERT_TRUE(s.table->at_step_edge()->has_value());
  ASSERT_TRUE(s.table->ask({0, 6}).has_value());  // {0, 3} goes, {0, 4} was used since
  EXPECT_EQ(s.table->live(), 3U);
  ASSERT_TRUE(s.table->at_step_edge()->has_value());
  const auto made = s.table->made();
  ASSERT_TRUE(s.table->ask({0, 4}).has_value());
  EXPECT_EQ(s.table->made(), made);
  EXPECT_EQ(s.fake->contexts.size(), 3U);
  for (unsigned i = 0; i < 200; ++i) {
    ASSERT_TRUE(s.table->ask({i % 7, 1 + i % 9}).has_value());
    ASSERT_TRUE(s.table->at_step_edge().has_value());
    ASSERT_LE(s.fake->contexts.size(), 3U);
  }
  EXPECT_EQ(s.fake->in_use_destroyed, 0);
}

TEST(ContextTable, ABoundOfTwoIsEnoughToMoveAndToChangeOnesMind) {
  OneSlice s(2);
  ASSERT_TRUE(s.table->ask({0, 5}).has_value());
  ASSERT_TRUE(s.table->ask({0, 6}).has_value());
  EXPECT_EQ(s.table->pending(), (Pieces{0, 6}));
  ASSERT_TRUE(s.table->ask({0, 4}).has_value());
  EXPECT_EQ(s.table->pending(), std::nullopt) << "back to what is in force";
  EXPECT_FALSE(s.table->at_step_edge()->has_value());
  EXPECT_FALSE(ContextTable::open(s.fake, s.cut, {0, 4}, 1).has_value());
}

TEST(ContextTable, PiecesNeedNotBeNeighbours) {
  OneSlice s;
  const std::vector<int> apart = {9, 2, 3, 2};
  ASSERT_TRUE(s.table->ask(PieceSet::of(apart)));
  ASSERT_TRUE(s.table->at_step_edge());
  EXPECT_EQ(s.table->now().sms, 24U);
  std::set<unsigned> wanted;
  for (const unsigned first : {16U, 24U, 72U})
    for (unsigned sm = 0; sm < 8; ++sm) wanted.insert(first + sm);
  EXPECT_EQ(s.fake->sms_of(s.fake->context_of(s.table->now().stream)), wanted);
  const std::vector<int> same = {2, 3, 9}, none = {}, there_and_not = {0, 16};
  ASSERT_TRUE(s.table->ask(PieceSet::of(same)));
  EXPECT_FALSE(s.table->at_step_edge()->has_value()) << "it is in force already";
  EXPECT_FALSE(s.table->ask(PieceSet::of(none)));
  EXPECT_EQ(s.table->ask(PieceSet::of(there_and_not)).error().given, "1 from 0 on, 1 from 16 on");
}

TEST(ContextTable, RefusesPiecesThatAreNotThere) {
  OneSlice s;
  for (const Pieces run : {Pieces{0, 17}, Pieces{16, 1}, Pieces{0, 0}, Pieces{4294967295U, 2}}) {
    EXPECT_EQ(s.table->ask(run).error().code, ErrorCode::no_capacity);
    EXPECT_EQ(s.table->now().sms, 32U);
  }
}

/// Whatever call fails: what is in force stays, nothing leaks, and another try succeeds.
TEST(ContextTable, OutlivesTheFailureOfAnyCall) {
  bool all_passed = false;
  int number = 0;
  for (; !all_passed; ++number) {
    ASSERT_LT(number, 200);
    auto fake = std::make_shared<FakeDriver>();
    fake->fail_call = number;
    {
      auto cut = cut_device(*fake, 0);
      if (!cut) continue;
      auto opened = ContextTable::open(fake, *cut, {0, 4}, 3);
      if (!opened) {
        EXPECT_EQ(fake->live(), 0U) << "call " << number;
        continue;
      }
      auto& table = **opened;
      int failures = 0;
      PieceSet expected{0, 4};
      const auto move_to = [&](Pieces run) {
        while (true) {
          const auto asked = table.ask(run);
          EXPECT_EQ(table.now().run, expected) << "call " << number;
          if (asked && table.at_step_edge()) break;
          EXPECT_EQ(table.now().run, expected) << "call " << number;
          ASSERT_LT(++failures, 2) << "one call fails, not two";
        }
        expected = run;
        EXPECT_EQ(table.now().run, expected);
        EXPECT_EQ(fake->streams.count(table.now().stream.value), 1U);
      };
      const std::vector<Pieces> likely = {{0, 5}, {0, 3}};
      if (!table.prepare(likely)) ++failures;
      for (const Pieces run : {Pieces{0, 5}, Pieces{1, 7}, Pieces{0, 16}, Pieces{0, 3}}) move_to(run);
      all_passed = failures == 0;
    }
    EXPECT_EQ(fake->live(), 0U) << "call " << number;
    EXPECT_EQ(fake->in_use_destroyed, 0);
  }
  EXPECT_GT(number, 20) << "the failures went through every call";
}

}  // namespace
}  // namespace troupe::cuda
