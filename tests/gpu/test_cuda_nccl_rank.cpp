#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "gpu/cuda/nccl_rank.hpp"
#include "tests/gpu/fake_nccl.hpp"

namespace troupe::cuda {
namespace {

using testing::HasSubstr;
using State = ReduceMachine::State;

/// One rank's process: its NCCL, its end, and what it was told.
struct Peer {
  explicit Peer(const std::shared_ptr<NcclWorld>& world, ReduceLimits limits = {})
      : nccl(std::make_shared<FakeNccl>(world)) {
    const auto detached = [this](std::function<void()> f) { later.push_back(std::move(f)); };
    end =
        std::make_unique<NcclRank>(nccl, limits, detached,
                                   ReduceWatch{[this](const reduce::Formed& f) { formed.push_back(f); },
                                               [this](const reduce::AskRebuild& a) { asked.push_back(a); }});
  }
  ~Peer() {
    end.reset();
    run_later();
  }
  void run_later() {
    auto now = std::exchange(later, {});
    for (auto& f : now) f();
  }
  /// The reports of its sums come to `results`.
  void sum(double now) {
    auto where = std::make_shared<std::pair<std::string, int>>();
    end->start({[this, where](Nccl& n, Comm comm) {
                  if (auto ok = n.all_reduce(comm, nullptr, nullptr, 0, {}); !ok) return ok;
                  const auto& member = nccl->world->comms.at(comm.value);
                  *where = {member.meeting, member.sums - 1};
                  return Result<void>();
                },
                [this, where]() -> Result<bool> {
                  if (device_error) return fail({ErrorCode::internal, "the device failed", "fake"});
                  return nccl->world->done(where->first, where->second);
                },
                [this](Result<void> r) {
                  results.push_back(std::move(r));
                  if (sum_again) {
                    sum_again = false;
                    sum(0);
                  }
                }},
               now);
  }
  void poll(double now) {
    if (aborts_go) run_later();
    end->poll(now);
  }

  std::shared_ptr<FakeNccl> nccl;
  std::vector<std::function<void()>> later;
  bool aborts_go = true, device_error = false, sum_again = false;
  std::vector<reduce::Formed> formed;
  std::vector<reduce::AskRebuild> asked;
  std::vector<Result<void>> results;
  std::unique_ptr<NcclRank> end;
};

struct Cluster {
  explicit Cluster(int ranks, ReduceLimits limits = {}) {
    for (int r = 0; r < ranks; ++r) peers.push_back(std::make_unique<Peer>(world, limits));
  }
  void form(std::int64_t epoch, const std::vector<int>& who) {
    NcclId id;
    const auto text = "group " + std::to_string(epoch);
    std::copy(text.begin(), text.end(), id.bytes.begin());
    for (std::size_t i = 0; i < who.size(); ++i)
      peer(who[i]).end->rebuild({epoch, static_cast<int>(who.size()), static_cast<int>(i), id}, now);
  }
  void poll(int times = 3) {
    for (int i = 0; i < times; ++i)
      for (auto& p : peers)
        if (p) p->poll(now);
  }
  Peer& peer(int i) { return *peers[static_cast<std::size_t>(i)]; }
  std::shared_ptr<NcclWorld> world = std::make_shared<NcclWorld>();
  std::vector<std::unique_ptr<Peer>> peers;
  double now = 0;
};

TEST(NcclRank, RanksFormAGroupAndSum) {
  Cluster c(3);
  c.form(1, {0, 1, 2});
  c.poll();
  for (auto& p : c.peers) EXPECT_EQ(p->end->state(), State::ready);
  c.peer(0).sum(0);
  c.peer(1).sum(0);
  c.poll();
  EXPECT_TRUE(c.peer(0).results.empty()) << "one rank has not come yet";
  c.peer(2).sum(0);
  c.poll();
  for (auto& p : c.peers) {
    ASSERT_EQ(p->results.size(), 1U);
    EXPECT_TRUE(p->results[0].has_value());
  }
}

TEST(NcclRank, GoesOnWithoutALostRank) {
  Cluster c(3);
  c.form(1, {0, 1, 2});
  c.poll();
  c.peer(0).sum(0);
  c.peer(2).sum(0);
  c.peers[1] = nullptr;  // dies; the others hang in the sum
  c.poll();
  EXPECT_TRUE(c.peer(0).results.empty());
  for (const int i : {0, 2}) c.peer(i).end->lost({1, 2, {1}}, 1);
  c.poll();
  for (const int i : {0, 2}) {
    EXPECT_EQ(c.peer(i).end->state(), State::ready);
    EXPECT_EQ(c.peer(i).results.at(0).error().code, ErrorCode::peer_failed);
    EXPECT_THAT(c.peer(i).results.at(0).error().text(), HasSubstr("gone: 1"));
    EXPECT_EQ(c.peer(i).formed.back().ranks, 2);
    c.peer(i).sum(2);
  }
  EXPECT_EQ(c.peer(2).formed.back().rank, 1);
  c.poll();
  for (const int i : {0, 2}) EXPECT_TRUE(c.peer(i).results.at(1).has_value());
  EXPECT_EQ(c.world->comms.size(), 2U) << "parents are gone";
}

TEST(NcclRank, ARankThatNeverComesIsGivenUpInTime) {
  Cluster c(2);
  c.form(1, {0, 1});
  c.poll();
  c.peer(0).sum(0);
  c.now = 30;
  c.poll();
  EXPECT_EQ(c.peer(0).results.at(0).error().code, ErrorCode::peer_missing);
  ASSERT_EQ(c.peer(0).asked.size(), 1U);
  EXPECT_EQ(c.peer(1).end->state(), State::ready) << "it knows nothing of it until the head tells";
  c.form(2, {0, 1});
  c.poll(4);
  for (auto& p : c.peers) EXPECT_EQ(p->end->state(), State::ready);
  EXPECT_EQ(c.world->misused, 0);
}

TEST(NcclRank, AJoinMakesANewGroup) {
  Cluster c(3);
  c.form(1, {0, 1});
  c.poll();
  c.form(2, {0, 1, 2});
  c.poll(4);
  for (auto& p : c.peers) EXPECT_EQ(p->formed.back().ranks, 3);
  EXPECT_EQ(c.world->comms.size(), 3U);
}

TEST(NcclRank, AnAbortThatHangsCostsItsTimeAndOneCommunicator) {
  Cluster c(2);
  c.form(1, {0, 1});
  c.poll();
  c.peer(0).aborts_go = false;
  c.form(2, {0, 1});
  c.poll();
  EXPECT_EQ(c.peer(0).end->state(), State::none);
  EXPECT_EQ(c.peer(1).end->state(), State::forming);
  c.now = 10;
  c.poll();
  for (auto& p : c.peers) EXPECT_EQ(p->end->state(), State::ready);
  EXPECT_EQ(c.peer(0).end->abandoned(), 1);
  EXPECT_EQ(c.peer(1).end->abandoned(), 0);
  c.peer(0).aborts_go = true;  // it comes back long after
  c.poll();
  EXPECT_EQ(c.peer(0).end->state(), State::ready);
}

TEST(NcclRank, TheDevicesOwnErrorEndsTheGroup) {
  Cluster c(1);
  c.form(1, {0});
  c.poll();
  c.peer(0).device_error = true;
  c.peer(0).sum_again = true;  // out of the report of the first one's failure
  c.peer(0).sum(0);
  c.poll();
  EXPECT_THAT(c.peer(0).results.at(0).error().text(), HasSubstr("the device failed"));
  EXPECT_EQ(c.peer(0).results.size(), 2U);
  EXPECT_EQ(c.peer(0).asked.size(), 1U);
  EXPECT_EQ(c.peer(0).end->abandoned(), 0) << "one failure is one failure";
}

TEST(NcclRank, WhatIsCalledBackMayCallAgain) {
  Cluster c(1);
  c.form(1, {0});
  c.poll();
  c.peer(0).sum_again = true;
  c.peer(0).sum(0);
  c.poll(6);
  EXPECT_EQ(c.peer(0).results.size(), 2U);
}

TEST(NcclRank, EveryCallMayFailAndTheNextGroupStands) {
  for (const bool peers_see : {false, true})
    for (const char* call : {"init", "ready", "sum", "shrink", "abort"}) {
      Cluster c(3);
      c.world->peers_see = peers_see;
      c.peer(0).nccl->fail_name = call;
      c.peer(0).nccl->fail_times = 1;
      c.form(1, {0, 1, 2});
      c.poll();
      for (auto& p : c.peers) p->sum(c.now);
      c.poll();
      for (const int i : {0, 1}) c.peer(i).end->lost({1, 2, {2}}, c.now);
      c.poll();
      c.now += 100;
      c.poll();
      c.form(3, {0, 1, 2});
      c.poll(5);
      c.now += 11;
      c.poll(5);
      for (auto& p : c.peers) {
        EXPECT_EQ(p->end->state(), State::ready) << call << (peers_see ? " seen" : "");
        EXPECT_EQ(p->results.size(), 1U) << call;
      }
      EXPECT_EQ(c.peer(0).nccl->fail_times, 0) << call << " was never made";
      EXPECT_EQ(c.world->misused, 0) << call;
      EXPECT_EQ(c.world->comms.size(), 3U) << call;
    }
}

/// Ranks die and come back at random, sums at any time; a head that acts on what it is asked brings the rest
/// together.
TEST(NcclRank, SurvivorsAlwaysMeetAgain) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    Cluster c(4, {.can_shrink = seed % 2 == 0});
    c.world->peers_see = seed % 3 == 0;
    std::int64_t epoch = 1;
    std::vector<int> who = {0, 1, 2, 3};
    c.form(epoch, who);
    c.poll();
    for (int round = 0; round < 12; ++round) {
      for (const int i : who)
        if (random() % 3 != 0) c.peer(i).sum(c.now);
      if (random() % 2 == 0 && who.size() > 1) {
        const auto at = random() % who.size();
        const int dead = who[at];
        c.peers[static_cast<std::size_t>(dead)] = nullptr;
        who.erase(who.begin() + static_cast<std::ptrdiff_t>(at));
        for (const int i : who)
          if (random() % 5 != 0) c.peer(i).end->lost({epoch, epoch + 1, {static_cast<int>(at)}}, c.now);
        ++epoch;
      }
      c.poll();
      c.now += random() % 2 == 0 ? 0 : 200;
      c.poll();
      bool together = true;
      for (const int i : who)
        together = together && c.peer(i).end->state() == State::ready && c.peer(i).end->epoch() == epoch;
      if (!together || random() % 4 == 0) {
        for (int i = 0; i < 4; ++i) {
          auto& p = c.peers[static_cast<std::size_t>(i)];
          if (p || random() % 2 == 0) continue;
          p = std::make_unique<Peer>(c.world);
          who.push_back(i);
        }
        c.form(++epoch, who);
        c.poll();
        c.now += 100;  // sums that nobody else started
        c.poll(5);
        for (const int i : who)
          if (c.peer(i).end->state() != State::ready) together = false;
        c.form(++epoch, who);
        c.poll(5);
      }
      for (const int i : who) {
        ASSERT_EQ(c.peer(i).end->state(), State::ready) << "seed " << seed << " round " << round;
        ASSERT_EQ(c.peer(i).end->epoch(), epoch) << "seed " << seed << " round " << round;
      }
    }
    EXPECT_EQ(c.world->misused, 0) << "seed " << seed;
  }
}

TEST(RealNccl, SaysThatThereIsNoneAndWhatToDo) {
  const std::vector<std::string> names = {"libnccl_of_no_machine.so.2", "libm.so.6"};
  const auto none = open_nccl(std::span(names).first(1));
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code, ErrorCode::not_found);
  EXPECT_THAT(none.error().text(), HasSubstr("libnccl_of_no_machine"));
  EXPECT_THAT(none.error().text(), HasSubstr("2.14"));
  EXPECT_THAT(open_nccl(names).error().text(), HasSubstr("no NCCL"));
  EXPECT_FALSE(open_nccl({}).has_value());
}

}  // namespace
}  // namespace troupe::cuda
