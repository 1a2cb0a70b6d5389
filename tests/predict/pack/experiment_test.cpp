#include "predict/pack/experiment.hpp"

#include <gtest/gtest.h>

#include "predict/pack/cutting_stock.hpp"
#include "tests/predict/pack/clusters.hpp"

namespace troupe::pack {
namespace {

const std::vector<Machine> kMachines{{"a", 96000, 393216, 8, "G2"}, {"b", 104000, 524288, 2, "T4"}};
const std::vector<Task> kTrace{{4000, 1000, 1, 470, {}}, {11000, 1000, 1, 1000, {}}, {8000, 1000, 0, 0, {}}};

TEST(Relax, SharesOverHalfAGpuTakeOneEach) {
  EXPECT_NEAR(relax({{810, 20}}, 10).bound, 8100, 1e-6);
  EXPECT_NEAR(relax({{810, 4}}, 10).bound, 3240, 1e-6) << "no more than is asked for";
}

TEST(Relax, FindsTheBestPatterns) {
  // 650 + 320 fill a GPU to 970, two of 470 to 940: with 4 of each pair on 3 GPUs the fuller ones are taken.
  EXPECT_NEAR(relax({{320, 2}, {470, 4}, {650, 2}}, 3).bound, 970 + 970 + 940, 1e-6);
  EXPECT_NEAR(relax({{1000, 3}, {470, 4}}, 4).bound, 3940, 1e-6);
}

TEST(Relax, ValuesHolesByWhatStillFits) {
  const auto stock = relax({{470, 100}, {1000, 100}}, 50);
  EXPECT_EQ(stock.worth[100], 0);
  EXPECT_GT(stock.worth[470], 0);
  EXPECT_EQ(stock.worth[530], stock.worth[470]);
  for (std::size_t r = 1; r <= kWholeGpu; ++r) EXPECT_GE(stock.worth[r], stock.worth[r - 1]);
}

TEST(Relax, IsABoundOnWhatAnyPolicyAllocates) {
  for (int round = 0; round < 30; ++round) {
    Draw draw(round, 1, 0, Purpose::test);
    const auto machines = test::random_machines(draw, 10);
    const auto tasks = test::random_tasks(draw, 120);
    auto policy =
        std::move(*make_policy(round % 2 ? "ours" : "best_fit", {typical_tasks(tasks), machines, 1}));
    Packer packer(machines, *policy, round, 4);
    for (const Task& task : tasks) packer.arrive(task);
    const double bound =
        relax(shares_of(tasks), static_cast<double>(packer.gpu_capacity()) / kWholeGpu).bound;
    EXPECT_GE(bound + 1e-6, static_cast<double>(packer.gpu_allocated()));
  }
}

TEST(Inflate, StopsOnceEnoughHasArrivedAndRepeatsForASeed) {
  for (const auto kind : {Arrivals::sampled, Arrivals::shuffled}) {
    const auto tasks = inflate(kTrace, kMachines, 1.3, 4, kind);
    std::int64_t asked = 0;
    for (const Task& task : tasks) asked += task.gpu_total();
    EXPECT_GE(asked, 13000);
    EXPECT_LT(asked - tasks.back().gpu_total(), 13000);
    EXPECT_EQ(tasks, inflate(kTrace, kMachines, 1.3, 4, kind));
    EXPECT_NE(tasks, inflate(kTrace, kMachines, 1.3, 5, kind));
  }
}

TEST(Inflate, ShuffledArrivalsBeginWithTheWholeTrace) {
  auto tasks = inflate(kTrace, kMachines, 1.3, 4, Arrivals::shuffled);
  tasks.resize(3);
  EXPECT_TRUE(std::is_permutation(tasks.begin(), tasks.end(), kTrace.begin()));
}

TEST(MustRefuse, FromWhereWhatArrivedNeedsMoreGpusThanThereAre) {
  const std::vector<Task> odd(200, {1, 1, 1, 810, {}});  // one a GPU: ten of them ask for 81 %
  EXPECT_NEAR(must_refuse_from_percent(odd, kMachines), 81, 0.1);
  const std::vector<Task> even(200, {1, 1, 1, 500, {}});
  EXPECT_NEAR(must_refuse_from_percent(even, kMachines), 100, 0.1);
}

TEST(Experiment, NeverPassesTheBoundNorFallsWhileTasksArrive) {
  const auto arrivals = inflate(kTrace, kMachines, 1.3, 2);
  for (const auto& name : policy_names()) {
    auto policy = std::move(*make_policy(name, {typical_tasks(kTrace), kMachines, 2}));
    const auto result = run_experiment(arrivals, kMachines, *policy, 2, 0);
    EXPECT_GT(result.at_full, 50) << name;
    EXPECT_LE(result.at_full, upper_bound_percent(arrivals, kMachines) + 1e-9) << name;
    EXPECT_TRUE(std::is_sorted(result.allocated_percent.begin(), result.allocated_percent.end())) << name;
    EXPECT_EQ(result.arrived, static_cast<std::int64_t>(arrivals.size()));
    EXPECT_EQ(result.moves, 0);
  }
}

}  // namespace
}  // namespace troupe::pack
