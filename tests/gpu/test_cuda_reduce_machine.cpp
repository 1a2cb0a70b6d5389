#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "gpu/cuda/reduce_machine.hpp"

namespace troupe::cuda {
namespace {

using State = ReduceMachine::State;
using Actions = std::vector<reduce::Action>;

Group group(std::int64_t epoch, int ranks = 4, int rank = 1) { return {epoch, ranks, rank, {}}; }

template <class T>
std::vector<T> all(const Actions& actions) {
  std::vector<T> found;
  for (const auto& a : actions)
    if (const auto* is = std::get_if<T>(&a)) found.push_back(*is);
  return found;
}

/// In the group of epoch 1, communicator 1, at second 0.
ReduceMachine ready(ReduceLimits limits = {}) {
  ReduceMachine m(limits);
  m.step(reduce::Rebuild{group(1)}, 0);
  m.step(reduce::IsReady{1}, 0);
  return m;
}

TEST(ReduceMachine, FormsAGroupAndSumsInIt) {
  ReduceMachine m({});
  EXPECT_EQ(m.deadline(), std::nullopt);
  auto out = m.step(reduce::Rebuild{group(1)}, 0);
  ASSERT_EQ(all<reduce::Init>(out).size(), 1U);
  EXPECT_EQ(m.deadline(), 60);
  EXPECT_EQ(all<reduce::Report>(m.step(reduce::Start{7}, 1)).at(0).error->code, ErrorCode::peer_failed)
      << "no sum before the group is formed";
  out = m.step(reduce::IsReady{1}, 2);
  EXPECT_EQ(all<reduce::Formed>(out).at(0).ranks, 4);
  out = m.step(reduce::Start{8}, 3);
  EXPECT_EQ(all<reduce::Launch>(out).at(0).sum, 8);
  m.step(reduce::Start{9}, 4);
  EXPECT_EQ(m.deadline(), 33);
  out = m.step(reduce::Finished{8}, 5);
  EXPECT_EQ(all<reduce::Report>(out).at(0).error, std::nullopt);
  EXPECT_EQ(m.state(), State::working);
  m.step(reduce::Finished{9}, 5);
  EXPECT_EQ(m.state(), State::ready);
  EXPECT_EQ(m.deadline(), std::nullopt);
}

TEST(ReduceMachine, GivesUpOnARankThatNeverComesToASum) {
  auto m = ready();
  m.step(reduce::Start{1}, 10);
  EXPECT_TRUE(m.step(reduce::Tick{}, 39).empty());
  const auto out = m.step(reduce::Tick{}, 40);
  EXPECT_EQ(all<reduce::Report>(out).at(0).error->code, ErrorCode::peer_missing);
  EXPECT_EQ(all<reduce::Abort>(out).at(0).comm, 1);
  EXPECT_EQ(all<reduce::AskRebuild>(out).at(0).epoch, 1);
  EXPECT_EQ(m.state(), State::none);
}

TEST(ReduceMachine, GivesUpOnARankThatNeverComesToForm) {
  ReduceMachine m({});
  m.step(reduce::Rebuild{group(1)}, 0);
  const auto out = m.step(reduce::Tick{}, 60);
  EXPECT_EQ(all<reduce::Abort>(out).size(), 1U);
  EXPECT_EQ(all<reduce::AskRebuild>(out).at(0).reason.code, ErrorCode::peer_missing);
}

TEST(ReduceMachine, AnErrorOfTheCommunicatorFailsEverySumOnce) {
  auto m = ready();
  m.step(reduce::Start{1}, 1);
  m.step(reduce::Start{2}, 1);
  const auto out = m.step(reduce::Failed{1, {ErrorCode::peer_failed, "remote error"}}, 2);
  EXPECT_EQ(all<reduce::Report>(out).size(), 2U);
  EXPECT_TRUE(m.step(reduce::Finished{1}, 3).empty()) << "too late";
  EXPECT_TRUE(m.step(reduce::Failed{1, {}}, 3).size() == 1U) << "the abort of it failed: abandoned, no more";
}

TEST(ReduceMachine, FormsTheNextGroupOnlyWhenTheOldOneIsGone) {
  auto m = ready();
  m.step(reduce::Failed{1, {ErrorCode::peer_failed, "remote error"}}, 2);
  EXPECT_TRUE(all<reduce::Init>(m.step(reduce::Rebuild{group(2)}, 3)).empty());
  const auto out = m.step(reduce::Aborted{1}, 4);
  ASSERT_EQ(all<reduce::Init>(out).size(), 1U);
  EXPECT_EQ(all<reduce::Init>(out)[0].comm, 2);
  EXPECT_EQ(m.epoch(), 2);
}

TEST(ReduceMachine, AbandonsACommunicatorWhoseAbortHangs) {
  auto m = ready();
  m.step(reduce::Failed{1, {ErrorCode::peer_failed, "remote error"}}, 0);
  m.step(reduce::Rebuild{group(2)}, 1);
  EXPECT_EQ(m.deadline(), 10);
  const auto out = m.step(reduce::Tick{}, 10);
  EXPECT_EQ(all<reduce::Abandon>(out).at(0).comm, 1);
  EXPECT_EQ(all<reduce::Init>(out).size(), 1U);
  EXPECT_TRUE(m.step(reduce::Aborted{1}, 11).empty()) << "it came back after all";
  EXPECT_EQ(m.state(), State::forming);
}

TEST(ReduceMachine, ShrinksWhereARankIsLost) {
  auto m = ready();
  m.step(reduce::Start{1}, 1);
  auto out = m.step(reduce::Lost{1, 5, {0, 0, 99}}, 2);
  EXPECT_EQ(all<reduce::Report>(out).at(0).error->code, ErrorCode::peer_failed);
  ASSERT_EQ(all<reduce::Shrink>(out).size(), 1U);
  EXPECT_EQ(all<reduce::Shrink>(out)[0].without, std::vector<int>{0});
  EXPECT_TRUE(all<reduce::Abort>(out).empty()) << "the parent is needed until its child stands";
  out = m.step(reduce::IsReady{2}, 3);
  EXPECT_EQ(all<reduce::Abort>(out).at(0).comm, 1);
  const auto formed = all<reduce::Formed>(out).at(0);
  EXPECT_EQ(formed.ranks, 3);
  EXPECT_EQ(formed.rank, 0) << "ranks behind a lost one move up";
  EXPECT_EQ(formed.epoch, 5);
  EXPECT_TRUE(m.step(reduce::Rebuild{group(4)}, 4).empty()) << "older than where it stands";
}

TEST(ReduceMachine, FallsBackToAnotherGroupWhereShrinkingFails) {
  for (const reduce::Event& e :
       {reduce::Event(reduce::Tick{}), reduce::Event(reduce::Failed{2, {}}),
        reduce::Event(reduce::Failed{1, {}}), reduce::Event(reduce::Lost{1, 6, {3}})}) {
    auto m = ready();
    m.step(reduce::Lost{1, 5, {0}}, 0);
    const auto out = m.step(e, 20);
    EXPECT_EQ(all<reduce::Abort>(out).size(), 2U) << "child and parent";
    EXPECT_EQ(all<reduce::AskRebuild>(out).size(), 1U);
    m.step(reduce::Rebuild{group(7)}, 21);
    m.step(reduce::Aborted{1}, 22);
    EXPECT_EQ(m.state(), State::none);
    EXPECT_EQ(all<reduce::Init>(m.step(reduce::Aborted{2}, 22)).size(), 1U);
  }
}

TEST(ReduceMachine, DoesNotShrinkWhereItCant) {
  const auto lost = reduce::Lost{1, 5, {0}};
  auto old = ready({.can_shrink = false});
  EXPECT_TRUE(all<reduce::Shrink>(old.step(lost, 0)).empty());
  EXPECT_EQ(old.state(), State::none);
  auto self = ready();
  EXPECT_TRUE(all<reduce::Shrink>(self.step(reduce::Lost{1, 5, {1}}, 0)).empty()) << "this rank was given up";
  auto forming = ReduceMachine({});
  forming.step(reduce::Rebuild{group(1)}, 0);
  EXPECT_EQ(all<reduce::AskRebuild>(forming.step(lost, 0)).size(), 1U);
  auto other = ready();
  EXPECT_TRUE(other.step(reduce::Lost{9, 10, {0}}, 0).empty()) << "of another group";
  EXPECT_TRUE(other.step(reduce::Lost{1, 5, {}}, 0).empty());
  EXPECT_EQ(other.state(), State::ready);
}

TEST(ReduceMachine, AJoinWaitsForTheSumsInFlight) {
  auto m = ready();
  m.step(reduce::Start{1}, 0);
  EXPECT_TRUE(m.step(reduce::Rebuild{group(2, 5)}, 1).empty());
  auto out = m.step(reduce::Finished{1}, 2);
  EXPECT_EQ(all<reduce::Report>(out).at(0).error, std::nullopt);
  EXPECT_EQ(all<reduce::Abort>(out).size(), 1U);
  out = m.step(reduce::Aborted{1}, 3);
  EXPECT_EQ(all<reduce::Init>(out).at(0).group.ranks, 5);
}

TEST(ReduceMachine, AJoinDoesNotWaitForSumsThatNeverEnd) {
  auto m = ready();
  m.step(reduce::Start{1}, 0);
  m.step(reduce::Rebuild{group(2, 5)}, 1);
  const auto out = m.step(reduce::Tick{}, 30);
  EXPECT_EQ(all<reduce::Report>(out).size(), 1U);
  EXPECT_TRUE(all<reduce::AskRebuild>(out).empty()) << "it knows the next group already";
  EXPECT_EQ(all<reduce::Init>(m.step(reduce::Aborted{1}, 31)).size(), 1U);
}

TEST(ReduceMachine, StopsForGood) {
  auto m = ready();
  m.step(reduce::Start{1}, 0);
  const auto out = m.step(reduce::Stop{}, 1);
  EXPECT_EQ(all<reduce::Report>(out).at(0).error->code, ErrorCode::interrupted);
  EXPECT_EQ(all<reduce::Abort>(out).size(), 1U);
  EXPECT_TRUE(m.step(reduce::Stop{}, 2).empty());
  EXPECT_TRUE(m.step(reduce::Rebuild{group(2)}, 2).empty());
  EXPECT_EQ(all<reduce::Report>(m.step(reduce::Start{2}, 2)).size(), 1U);
}

/// Any events in any order: every sum is reported once, every communicator goes once, no two stand at a time
/// but a parent and its child, and from wherever it is a new group brings it back.
TEST(ReduceMachine, KeepsItsPromisesUnderAnyOrderOfEvents) {
  for (unsigned seed = 0; seed < 3000; ++seed) {
    std::mt19937 random(seed);
    ReduceMachine m({.init = 6, .sum = 5, .shrink = 4, .abort = 3, .can_shrink = seed % 3 != 0});
    double now = 0;
    std::int64_t epoch = 0, sum = 0;
    std::set<std::int64_t> open;
    std::set<int> standing, aborting;
    int known = 0;
    const auto take = [&](const reduce::Event& e) {
      for (const auto& a : m.step(e, now)) {
        if (const auto* init = std::get_if<reduce::Init>(&a)) {
          ASSERT_TRUE(standing.empty() && aborting.empty());
          standing.insert(known = init->comm);
        } else if (const auto* shrink = std::get_if<reduce::Shrink>(&a)) {
          ASSERT_EQ(standing, std::set<int>{shrink->parent});
          standing.insert(known = shrink->comm);
        } else if (const auto* launch = std::get_if<reduce::Launch>(&a)) {
          ASSERT_EQ(standing, std::set<int>{launch->comm});
        } else if (const auto* abort = std::get_if<reduce::Abort>(&a)) {
          ASSERT_EQ(standing.erase(abort->comm), 1U);
          aborting.insert(abort->comm);
        } else if (const auto* abandon = std::get_if<reduce::Abandon>(&a)) {
          ASSERT_EQ(aborting.erase(abandon->comm), 1U);
        } else if (const auto* report = std::get_if<reduce::Report>(&a)) {
          ASSERT_EQ(open.erase(report->sum), 1U) << "reported twice";
        }
      }
    };
    const auto pick_comm = [&] { return static_cast<int>(random() % static_cast<unsigned>(known + 2)); };
    const auto aborted = [&](int comm) {
      const bool was = aborting.erase(comm) > 0;
      take(was ? reduce::Event(reduce::Aborted{comm}) : reduce::Event(reduce::Tick{}));
    };
    for (int i = 0; i < 60; ++i) {
      now += 0.5 * (random() % 4);
      switch (random() % 9) {
        case 0:
          take(reduce::Rebuild{group(epoch += random() % 3)});
          break;
        case 1:
          take(reduce::Lost{m.epoch(), epoch += random() % 3, {static_cast<int>(random() % 5)}});
          break;
        case 2:
        case 3:
          open.insert(++sum);
          take(reduce::Start{sum});
          break;
        case 4:
          take(reduce::Finished{static_cast<std::int64_t>(random() % static_cast<unsigned>(sum + 2))});
          break;
        case 5:
          take(reduce::IsReady{pick_comm()});
          break;
        case 6: {
          const int comm = pick_comm();
          if (standing.count(comm) > 0) take(reduce::Failed{comm, {ErrorCode::peer_failed, "drawn"}});
          break;
        }
        case 7:
          aborted(pick_comm());
          break;
        default:
          take(reduce::Tick{});
      }
      if (HasFatalFailure()) FAIL() << "seed " << seed << " event " << i;
    }
    for (int i = 0; i < 10; ++i) {  // whatever was waited for never comes
      now += 7;
      take(reduce::Tick{});
    }
    ASSERT_TRUE(open.empty()) << "seed " << seed << ": a sum was never reported";
    epoch += 100;
    take(reduce::Rebuild{group(epoch)});
    now += 3.5;
    take(reduce::Tick{});  // an abort that hangs does not stop it
    ASSERT_EQ(m.state(), State::forming) << "seed " << seed;
    take(reduce::IsReady{known});
    ASSERT_EQ(m.state(), State::ready);
    take(reduce::Stop{});
    ASSERT_TRUE(standing.empty()) << "a communicator was left standing";
    if (HasFatalFailure()) FAIL() << "seed " << seed;
  }
}

}  // namespace
}  // namespace troupe::cuda
