// When steps are captured and replayed, over a maker of graphs that counts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gpu/cuda/step_graphs.hpp"

namespace troupe::cuda {
namespace {

using testing::HasSubstr;

struct FakeMaker final : GraphMaker {
  bool capture_fails = false, replay_fails = false, run_fails = false;
  int graphs = 0;  // that live

  struct Graph final : StepGraph {
    Graph(FakeMaker& m, std::function<void()> w) : maker(m), work(std::move(w)) { ++maker.graphs; }
    ~Graph() override { --maker.graphs; }
    Result<void> replay() override {
      if (maker.replay_fails) return fail({ErrorCode::internal, "the device is lost", "fake"});
      work();
      return {};
    }
    FakeMaker& maker;
    std::function<void()> work;
  };
  Result<void> run(const std::function<void()>& work) override {
    if (run_fails) return fail({ErrorCode::over_budget, "no room", "fake"});
    work();
    return {};
  }
  Result<std::unique_ptr<StepGraph>> capture(const std::function<void()>& work) override {
    if (capture_fails) return fail({ErrorCode::internal, "an operator waits for the device", "fake"});
    return std::make_unique<Graph>(*this, work);
  }
};

GraphKey key(unsigned sms) {
  GraphKey k;
  k.part = "critic";
  k.sms = sms;
  return k;
}

struct AStepOnAGpu : testing::Test {
  FakeMaker maker;
  StepGraphs graphs{maker, 2};
  int done = 0;
  std::function<void()> work = [this] { ++done; };
  Ran run(unsigned sms = 8) { return graphs.run(key(sms), work).value(); }
};

TEST_F(AStepOnAGpu, IsCapturedAfterItsWarmUpsAndThenReplayed) {
  EXPECT_EQ(run(), Ran::eagerly);
  EXPECT_EQ(run(), Ran::eagerly);
  EXPECT_EQ(run(), Ran::captured);
  EXPECT_EQ(done, 3) << "a capture does nothing: the step is its first replay";
  EXPECT_EQ(run(), Ran::replayed);
  EXPECT_EQ(run(), Ran::replayed);
  EXPECT_EQ(done, 5);
  EXPECT_EQ(graphs.captures(), 1);
  EXPECT_EQ(graphs.replays(), 2);
  EXPECT_EQ(graphs.eager_runs(), 2);
  EXPECT_EQ(graphs.trouble(), "");
}

TEST_F(AStepOnAGpu, OfAnotherSizeIsCapturedAnew) {
  for (int i = 0; i < 4; ++i) run(8);
  EXPECT_EQ(run(16), Ran::eagerly) << "another key";
  EXPECT_EQ(run(8), Ran::replayed);
  graphs.forget();
  EXPECT_EQ(maker.graphs, 0);
  EXPECT_EQ(run(8), Ran::eagerly);
  run(8);
  EXPECT_EQ(run(8), Ran::captured);
}

TEST_F(AStepOnAGpu, KeepsNoMoreGraphsThanItMay) {
  for (const unsigned sms : {8u, 16u, 24u, 32u})
    for (int i = 0; i < 3; ++i) run(sms);
  EXPECT_EQ(maker.graphs, 2);
  EXPECT_EQ(graphs.known(), 2U);
  EXPECT_EQ(run(32), Ran::replayed);
  EXPECT_EQ(run(8), Ran::eagerly) << "its graph made room";
}

TEST_F(AStepOnAGpu, RunsOnWhereItCanNotBeCaptured) {
  maker.capture_fails = true;
  for (int i = 0; i < 4; ++i) EXPECT_EQ(run(), Ran::eagerly);
  EXPECT_EQ(done, 4) << "each step once";
  EXPECT_THAT(graphs.trouble(), HasSubstr("an operator waits for the device"));
  maker.capture_fails = false;
  EXPECT_EQ(run(), Ran::eagerly) << "it is not tried again and again";
  EXPECT_EQ(graphs.captures(), 0);
}

TEST_F(AStepOnAGpu, ThatFailsIsNotCounted) {
  maker.run_fails = true;
  EXPECT_EQ(graphs.run(key(8), work).error().code, ErrorCode::over_budget);
  EXPECT_EQ(graphs.eager_runs(), 0);
  maker.run_fails = false;
  EXPECT_EQ(run(), Ran::eagerly);
  EXPECT_EQ(run(), Ran::eagerly) << "a warm-up that failed is none";
  EXPECT_EQ(run(), Ran::captured);
}

TEST_F(AStepOnAGpu, WhoseReplayFailsIsCapturedAnewAfterwards) {
  for (int i = 0; i < 3; ++i) run();
  maker.replay_fails = true;
  EXPECT_THAT(graphs.run(key(8), work).error().text(), HasSubstr("the device is lost"));
  EXPECT_EQ(maker.graphs, 0);
  maker.replay_fails = false;
  EXPECT_EQ(run(), Ran::eagerly);
}

}  // namespace
}  // namespace troupe::cuda
