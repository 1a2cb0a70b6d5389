#include <gtest/gtest.h>

#include "predict/pack/packer.hpp"

namespace troupe::pack {
namespace {

const Machine kEight{"eight", 96000, 393216, 8, "G2"}, kTwo{"two", 104000, 524288, 2, "T4"};

Node node(const Machine& machine, std::vector<int> gpu_left, std::int64_t cpu_left, int index = 0) {
  Node node = empty_node(machine, index);
  for (std::size_t g = 0; g < gpu_left.size(); ++g) node.gpu[g] = static_cast<std::int16_t>(gpu_left[g]);
  node.cpu = cpu_left;
  return node;
}
GpuSet only(std::size_t gpu) { return GpuSet().set(gpu); }
std::unique_ptr<Policy> make(const std::string& name, std::vector<Typical> typical = {}) {
  return std::move(*make_policy(name, {std::move(typical), {kEight, kTwo}, 1}));
}

const Task kShare{4000, 1000, 1, 470, {}}, kWhole{11000, 1000, 1, 1000, {}}, kCpuOnly{8000, 1000, 0, 0, {}};

TEST(Fits, CountsGpusThatHaveEnoughLeftEach) {
  const Node half = node(kTwo, {600, 400}, 104000);
  EXPECT_TRUE(fits(half, {0, 0, 1, 600, {}}));
  EXPECT_FALSE(fits(half, {0, 0, 1, 601, {}}));
  EXPECT_TRUE(fits(half, {0, 0, 2, 400, {}}));
  EXPECT_FALSE(fits(half, {0, 0, 2, 401, {}})) << "a share lies on one GPU";
}

TEST(Fits, AsksForCpuMemoryAndModelToo) {
  const Node empty = empty_node(kTwo, 0);
  EXPECT_FALSE(fits(empty, {104001, 0, 0, 0, {}}));
  EXPECT_FALSE(fits(empty, {0, 524289, 0, 0, {}}));
  EXPECT_FALSE(fits(empty, {0, 0, 1, 10, {"G2"}}));
  EXPECT_TRUE(fits(empty, {104000, 524288, 2, 1000, {"G2", "T4"}}));
}

TEST(TightestGpus, AreThoseWithTheLeastLeftThatIsEnough) {
  EXPECT_EQ(tightest_gpus(node(kTwo, {1000, 500}, 1), kShare), only(1));
  EXPECT_EQ(tightest_gpus(node(kTwo, {1000, 400}, 1), kShare), only(0));
}

TEST(BestFit, PrefersTheNodeWithLessLeft) {
  const auto policy = make("best_fit");
  EXPECT_GT(policy->rate(node(kTwo, {1000, 0}, 20000), kShare).score,
            policy->rate(node(kTwo, {1000, 1000}, 104000), kShare).score);
}

TEST(DotProduct, PrefersTheSmallerProduct) {
  const auto policy = make("dot_product");
  EXPECT_GT(policy->rate(node(kTwo, {1000, 0}, 20000), kWhole).score,
            policy->rate(empty_node(kEight, 0), kWhole).score);
}

TEST(Packing, PrefersSharedGpusThenUsedNodesThenIdleOnes) {
  const auto policy = make("packing");
  const double shared = policy->rate(node(kTwo, {530, 1000}, 90000), kShare).score;
  const double opened = policy->rate(node(kTwo, {100, 1000}, 90000), kShare).score;
  const double idle = policy->rate(empty_node(kTwo, 0), kShare).score;
  EXPECT_EQ(shared, 100 - 5);
  EXPECT_EQ(opened, 49);
  EXPECT_EQ(idle, 31);
}

TEST(Clustering, PrefersNodesOfTheSameKindOfTask) {
  const auto policy = make("clustering");
  Node same = empty_node(kEight, 0), mixed = same, other = same;
  const Node idle = same;
  put(same, kShare, only(0));
  put(mixed, kShare, only(0));
  put(mixed, kWhole, only(1));
  put(other, kWhole, only(1));
  const auto score = [&](const Node& n) { return policy->rate(n, kShare).score; };
  EXPECT_GT(score(same), score(mixed));
  EXPECT_GT(score(mixed), score(idle));
  EXPECT_GT(score(idle), score(other));
}

TEST(GradientDescent, FillsTheHoleThatNoTypicalTaskCouldUse) {
  const auto policy =
      make("gradient_descent", {{{4000, 0, 1, 470, {}}, 0.5}, {{11000, 0, 1, 1000, {}}, 0.5}});
  const auto offer =
      policy->rate(node(kEight, {1000, 530, 1000, 1000, 1000, 1000, 1000, 1000}, 90000), kShare);
  EXPECT_EQ(offer.gpus, only(1));
}

TEST(TypicalTasks, AreTheMostFrequentAndSumToOne) {
  std::vector<Task> tasks(90, kWhole);
  tasks.insert(tasks.end(), 8, kShare);
  tasks.insert(tasks.end(), 2, kCpuOnly);
  const auto typical = typical_tasks(tasks, 0.95);
  ASSERT_EQ(typical.size(), 2U);
  EXPECT_EQ(typical[0].task.gpu_milli, 1000);
  EXPECT_NEAR(typical[0].share, 90 / 98.0, 1e-12);
  EXPECT_NEAR(typical[0].share + typical[1].share, 1, 1e-12);
}

/// Ours after it has seen whole tasks of 11 cores and shares of 470.
std::unique_ptr<Policy> ours_after_a_while() {
  auto policy = make("ours");
  for (int i = 0; i < 512; ++i) policy->learn(i % 2 ? kWhole : kShare);
  return policy;
}

TEST(Ours, KeepsCpuForTheGpusBesideIt) {
  const auto policy = ours_after_a_while();
  const double rich = policy->rate(empty_node(kTwo, 0), kCpuOnly).score;
  const double poor = policy->rate(empty_node({"poor", 16000, 122880, 2, "P100"}, 0), kCpuOnly).score;
  EXPECT_GT(rich, poor);
}

TEST(Ours, PutsAShareIntoTheHoleItFitsBest) {
  const auto policy = ours_after_a_while();
  const auto offer =
      policy->rate(node(kEight, {1000, 530, 1000, 1000, 1000, 1000, 1000, 1000}, 90000), kShare);
  EXPECT_EQ(offer.gpus, only(1));
}

TEST(Ours, LearnsNothingFromWhatHasNotArrived) {
  const auto fresh = make("ours"), same = make("ours");
  EXPECT_FALSE(fresh->learn(kWhole)) << "one task is no estimate";
  EXPECT_EQ(fresh->rate(empty_node(kTwo, 0), kShare).score, same->rate(empty_node(kTwo, 0), kShare).score);
}

TEST(MakePolicy, RefusesAnUnknownNameWithTheKnownOnes) {
  const auto made = make_policy("worst_fit", {});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::bad_usage);
  EXPECT_NE(made.error().allowed.find("gradient_descent"), std::string::npos);
}

TEST(Moves, MakeRoomForATaskThatFitsNowhere) {
  const std::vector<Machine> machines{{"a", 20000, 9999, 2, "T4"}, {"b", 20000, 9999, 2, "T4"}};
  const auto spread = make("packing");
  for (const int moves : {0, 1}) {
    Packer packer(machines, *spread, 1, moves);
    // Four shares of 600 open all four GPUs; two leave, one on each node, and no GPU pair is free.
    for (int i = 0; i < 4; ++i) packer.arrive({100, 1, 1, 600, {}});
    int kept_on[2] = {-1, -1};
    for (int i = 0; i < 4; ++i) {
      int& kept = kept_on[packer.placement(i)->node];
      if (kept >= 0)
        packer.leave(i);
      else
        kept = i;
    }
    const Arrival arrival = packer.arrive({100, 1, 2, 1000, {}});
    EXPECT_EQ(arrival.placement.has_value(), moves == 1);
    EXPECT_EQ(arrival.moves.size(), static_cast<std::size_t>(moves));
    EXPECT_EQ(packer.moves(), moves);
  }
}

}  // namespace
}  // namespace troupe::pack
