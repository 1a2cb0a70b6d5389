#include "train/shard_work.hpp"

#include <gmock/gmock.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "tests/train/some_cores.hpp"
#include "train/late_parts.hpp"

namespace troupe {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int kParts = 4;

/// Notes what is called; nothing else of a program is asked for.
class Recorded final : public Program {
 public:
  std::function<void(int shard)> in_compute = [](int) {};
  std::function<void(int shard, int part)> in_finish = [](int, int) {};

  void compute(int stage, int shard, std::int64_t step) override {
    in_compute(shard);
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(stage, 1);
    EXPECT_EQ(step, 7);
    ++computed[shard];
  }
  int parts(int) const override { return kParts; }
  bool holds_parts(int) const override { return holds; }
  bool holds = false;
  void finish(int, int shard, int part, std::int64_t) override {
    in_finish(shard, part);
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(computed[shard], 1) << "part " << part << " before its shard";
    ++finished[{shard, part}];
    finishers[shard].insert(std::this_thread::get_id());
  }
  std::vector<Elements> writes(int, int part) const override {
    return written[static_cast<std::size_t>(part)];
  }
  std::vector<std::vector<Elements>> written = {{{0, 10}}, {{10, 20}, {60, 70}}, {}, {{20, 60}}};
  std::map<int, int> computed;
  std::map<std::pair<int, int>, int> finished;
  std::map<int, std::set<std::thread::id>> finishers;

  std::int64_t steps() const override { return 0; }
  Moment moment(std::int64_t) const override { return {}; }
  int phases() const override { return 0; }
  int shards() const override { return 0; }
  int images_per_step() const override { return 0; }
  int stages() const override { return 2; }
  double relative_seconds(int) const override { return 1; }
  double relative_bytes(int) const override { return 1; }
  Batch make_batch(std::int64_t) const override { return {}; }
  std::span<const std::shared_ptr<Replica>> replicas() override { return {}; }
  BatchQueue& batches() override { return queue_; }
  void enter(const Moment&) override {}
  void begin_step(std::int64_t) override {}
  std::span<const Reduction> reductions(int) override { return {}; }
  void update(int, int, std::size_t, std::size_t) override {}
  void commit(std::int64_t) override {}
  void roll_back() override {}
  std::vector<std::string> score_names() const override { return {}; }
  double shard_score(int, int) const override { return 0; }

 private:
  std::mutex mutex_;
  BatchQueue queue_{1};
};

double no_time() { return 0; }

/// Runs the stage on so many threads; returns how many of them threw.
int run(
    Program& program, ShardRun shards, int workers,
    const std::function<bool()>& given_up = [] { return false; }, int left = 0) {
  ShardWork work(program, shards, 1, 7, left, given_up);
  std::atomic<int> thrown{0};
  {
    std::vector<std::jthread> threads;
    for (int w = 0; w < workers; ++w)
      threads.emplace_back([&] {
        double seconds = 0;
        try {
          work.work(no_time, seconds);
        } catch (const std::exception&) {
          ++thrown;
        }
      });
  }
  return thrown;
}

TEST(ShardWork, EveryPartOfEveryShardIsDoneOnceHoweverManyWorkThere) {
  for (const int workers : {1, 2, 3, 7, -1, -2, -3, -7}) {  // negative: with parts held back
    Recorded program;
    program.holds = workers < 0;
    EXPECT_EQ(run(program, {3, 5}, std::abs(workers)), 0);
    ASSERT_EQ(program.computed.size(), 5u) << workers << " workers";
    EXPECT_EQ(program.computed.begin()->first, 3);
    EXPECT_EQ(program.finished.size(), 5u * kParts);
    for (const auto& [part, times] : program.finished) EXPECT_EQ(times, 1);
  }
}

TEST(ShardWork, ThePartsOfTheLastShardAreLeftWhereThatIsAskedFor) {
  for (const int workers : {1, 2, 7, -1, -2, -7}) {
    Recorded program;
    program.holds = workers < 0;
    EXPECT_EQ(run(
                  program, {3, 5}, std::abs(workers), [] { return false; }, 1),
              0);
    ASSERT_EQ(program.computed.size(), 5u) << workers << " workers";
    EXPECT_EQ(program.finished.size(), 4u * kParts);
    EXPECT_FALSE(program.finishers.contains(7));
  }
}

TEST(ShardWork, AnIdleWorkerTakesPartsOfAStraggler) {
  Recorded program;
  std::mutex mutex;
  std::condition_variable come;
  int inside = 0, met = 0;
  // a part is over once two workers have been inside one at the same time
  program.in_finish = [&](int, int) {
    std::unique_lock lock(mutex);
    met = std::max(met, ++inside);
    come.notify_all();
    come.wait_for(lock, std::chrono::seconds(20), [&] { return met >= 2; });
    --inside;
  };
  EXPECT_EQ(run(program, {0, 1}, 2), 0);
  EXPECT_EQ(program.finishers[0].size(), 2u);
}

TEST(ShardWork, AShardThatThrowsHoldsUpNobody) {
  Recorded program;
  program.in_compute = [](int shard) {
    if (shard == 2) throw std::runtime_error("shard 2 fell over");
  };
  EXPECT_EQ(run(program, {0, 6}, 3), 1);
  EXPECT_FALSE(program.computed.contains(2));
}

TEST(ShardWork, APartThatThrowsHoldsUpNobody) {
  Recorded program;
  program.in_finish = [](int shard, int part) {
    if (shard == 0 && part == 1) throw std::runtime_error("part 1 fell over");
  };
  EXPECT_EQ(run(program, {0, 2}, 2), 1);
}

TEST(ShardWork, AStepThatIsGivenUpBeginsNoShard) {
  Recorded program;
  EXPECT_GE(run(program, {0, 4}, 2, [] { return true; }), 1);
  EXPECT_TRUE(program.computed.empty());
}

class LatePartsOfAShard : public testing::Test {
 protected:
  LatePartsOfAShard() {
    program.computed[4] = 1;
    program.written[2] = {{70, 80}};
  }
  LateParts late() {
    return {program, 1, 4, 7, slice, no_time, [this](int, double) { ++told; }};
  }
  std::set<int> made() const {
    std::set<int> parts;
    for (const auto& [part, times] : program.finished) parts.insert(part.second);
    return parts;
  }
  Recorded program;
  CpuSlice slice{test::some_cores(2), std::make_shared<Account>("late", mib(64)), {}};
  std::atomic<int> told{0};
};

TEST_F(LatePartsOfAShard, AreMadeAsElementsAreAskedFor) {
  auto parts = late();
  parts.need(80, 90);
  EXPECT_THAT(made(), IsEmpty()) << "no part writes there";
  parts.need(5, 10);
  EXPECT_THAT(made(), ElementsAre(0));
  parts.need(65, 66);
  EXPECT_THAT(made(), ElementsAre(0, 1));
  parts.need(0, 21);
  EXPECT_THAT(made(), ElementsAre(0, 1, 3));
  parts.rest();
  EXPECT_THAT(made(), ElementsAre(0, 1, 2, 3));
  parts.need(0, 100);
  for (const auto& [part, times] : program.finished) EXPECT_EQ(times, 1) << "part " << part.second;
  EXPECT_GT(told, 0);
}

TEST_F(LatePartsOfAShard, AreMadeForAnyElementWhereItIsNotKnownWhatTheyWrite) {
  program.written[2] = {};
  late().need(80, 90);
  EXPECT_THAT(made(), ElementsAre(2));
}

TEST_F(LatePartsOfAShard, AreAskedForByTheSumsThatTheShardIsAMemberOf) {
  auto parts = late();
  std::vector<Reduction> reductions(2);
  reductions[0].shards = {3, 5};
  reductions[1].shards = {2, 4};
  std::vector<FloatSum> sums(2);
  parts.attach(reductions, sums);
  EXPECT_FALSE(sums[0].ready);
  ASSERT_TRUE(sums[1].ready);
  sums[1].ready(0, 1);
  EXPECT_THAT(made(), ElementsAre(0));
}

TEST_F(LatePartsOfAShard, ThrowAgainWhatAPartThrew) {
  program.in_finish = [](int, int part) {
    if (part == 1) throw std::runtime_error("part 1 fell over");
  };
  auto parts = late();
  parts.need(0, 5);
  parts.rethrow();
  EXPECT_THROW(parts.need(10, 11), std::runtime_error);
  EXPECT_THROW(parts.need(0, 5), std::runtime_error);
  EXPECT_THROW(parts.rethrow(), std::runtime_error);
}

}  // namespace
}  // namespace troupe
