#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.hpp"
#include "predict/simulate/production.hpp"

namespace troupe::simulate {
namespace {

constexpr double kHour = 3600;

std::vector<pack::Machine> machines(int count, int gpus) {
  std::vector<pack::Machine> all;
  for (int i = 0; i < count; ++i) all.push_back({"node", 96000, 393216, gpus, "GPU"});
  return all;
}
SimJob job(double submitted, int gpus, double seconds, int milli = 1000) {
  return {submitted, gpus, {{seconds, milli}}};
}
Simulation run(const std::vector<SimJob>& jobs, const std::vector<pack::Machine>& on,
               const std::string& rule) {
  auto result = simulate(jobs, on, *rule_named(rule), 1);
  EXPECT_TRUE(result);
  return std::move(*result);
}

TEST(Simulate, FifoHoldsUpAllBehindTheFirstThatCannotStart) {
  const auto jobs = {job(0, 3, 100), job(10, 2, 100), job(20, 1, 5)};
  const auto strict = run(jobs, machines(1, 4), "fifo");
  EXPECT_EQ(strict.jobs[1].started, 100);
  EXPECT_EQ(strict.jobs[2].started, 100);
  EXPECT_EQ(strict.jobs[2].finished, 105);
  EXPECT_EQ(strict.jobs[2].waited, 80);
  const auto backfilled = run(jobs, machines(1, 4), "fifo_backfill");
  EXPECT_EQ(backfilled.jobs[2].started, 20) << "it fits beside the first";
  EXPECT_EQ(backfilled.jobs[1].started, 100);
}

TEST(Simulate, ShortestFirstTakesTheShortestOfThoseThatWait) {
  const auto done = run({job(0, 4, 100), job(1, 4, 50), job(2, 4, 10)}, machines(1, 4), "shortest_first");
  EXPECT_EQ(done.jobs[2].finished, 110);
  EXPECT_EQ(done.jobs[1].finished, 160);
}

TEST(Simulate, AGangLiesOnSeveralMachinesOnlyWhereOneIsTooSmall) {
  const auto done =
      run({job(0, 1, 100), job(0, 1, 100), job(1, 4, 10), job(2, 8, 10)}, machines(2, 4), "fifo");
  EXPECT_EQ(done.jobs[2].started, 1) << "both small ones lie on one machine";
  EXPECT_EQ(done.jobs[3].started, 100) << "eight GPUs are two whole machines";
}

TEST(Simulate, SharedGpusCarryMoreJobsAtALittleLessSpeed) {
  const auto jobs = {job(0, 1, 100, 500), job(0, 1, 100, 500)};
  EXPECT_EQ(run(jobs, machines(1, 1), "fifo").end, 200);
  EXPECT_NEAR(run(jobs, machines(1, 1), "packing").end, 105, 1e-9);
}

TEST(Simulate, APhaseThatNeedsMoreWaitsParkedUntilThereIsRoom) {
  const std::vector<SimJob> jobs{{0, 1, {{100, 500}, {100, 1000}}}, {0, 1, {{400, 500}}}};
  const auto done = run(jobs, machines(1, 1), "packing");
  EXPECT_EQ(done.jobs[0].parked, 1);
  EXPECT_NEAR(done.jobs[1].finished, 420, 1e-9);
  EXPECT_NEAR(done.jobs[0].finished, 420 + 105, 1e-9);
  EXPECT_NEAR(done.jobs[0].waited, 420 - 105, 1e-9);
}

TEST(Simulate, WhoHasHadMuchGivesWayAndLosesNothingButTheSwitch) {
  const auto done = run({job(0, 4, 10 * kHour), job(5 * kHour, 4, 60)}, machines(1, 4), "least_attained");
  EXPECT_EQ(done.jobs[1].started, 5 * kHour) << "it does not wait for five hours";
  EXPECT_EQ(done.jobs[0].parked, 1);
  EXPECT_NEAR(done.jobs[0].finished, 10 * kHour + 60 + 10, 1e-6);
}

TEST(Simulate, AGangTakesMachinesThatAreFreeTogetherWithThoseThatGiveWay) {
  const auto done = run({job(0, 4, 10 * kHour), job(5 * kHour, 8, 60)}, machines(2, 4), "least_attained");
  EXPECT_EQ(done.jobs[1].started, 5 * kHour);
  EXPECT_EQ(done.jobs[0].parked, 1);
}

TEST(Simulate, NobodyStarvesWhoseWaitingCounts) {
  // Without end, a job for half the machine every half hour: the one that wants all of it never fits.
  std::vector<SimJob> jobs{job(0, 2, kHour), job(60, 4, 30 * kHour)};
  for (int i = 1; i < 1000; ++i) jobs.push_back(job(i * kHour / 2, 2, kHour));
  EXPECT_GT(run(jobs, machines(1, 4), "fifo_backfill").jobs[1].waited, 400 * kHour);
  for (const char* rule : {"ours", "ours_whole"})
    EXPECT_LT(run(jobs, machines(1, 4), rule).jobs[1].waited, 50 * kHour) << rule;
}

TEST(Simulate, SaysAtOnceWhichJobCanNeverRun) {
  const auto result = simulate({job(0, 1, 1), job(0, 9, 1)}, machines(2, 4), *rule_named("fifo"), 1);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::no_capacity);
  EXPECT_EQ(result.error().where, "job 2");
  EXPECT_THAT(result.error().allowed, ::testing::HasSubstr("8"));
  EXPECT_FALSE(simulate({job(0, 1, 1)}, {}, *rule_named("fifo"), 1)) << "no nodes";
}

TEST(RuleNamed, RefusesAnUnknownNameWithTheKnownOnes) {
  const auto rule = rule_named("lifo");
  ASSERT_FALSE(rule);
  EXPECT_THAT(rule.error().allowed, ::testing::HasSubstr("least_attained"));
}

class EveryRule : public ::testing::TestWithParam<Rule> {};

std::vector<SimJob> random_jobs(int seed) {
  Draw draw(seed, 0, 0, Purpose::test);
  std::vector<traces::TraceJob> trace;
  double at = 0;
  for (int i = 0; i < 300; ++i) {
    at += static_cast<double>(draw.below(2000));
    const int sizes[] = {1, 1, 1, 2, 4, 8, 12};
    trace.push_back({at, static_cast<double>(1 + draw.below(20'000)), sizes[draw.below(7)], "a"});
  }
  return model_jobs(trace, seed);
}

TEST_P(EveryRule, BringsEveryJobToItsEndAndAccountsForAllOfItsTime) {
  for (int seed = 0; seed < 5; ++seed) {
    const auto jobs = random_jobs(seed);
    const auto done = run(jobs, machines(3, 4), GetParam().name);
    ASSERT_EQ(done.jobs.size(), jobs.size());
    double asked = 0;
    for (std::size_t j = 0; j < jobs.size(); ++j) {
      const Outcome& one = done.jobs[j];
      const double least = jobs[j].seconds() * (GetParam().shares ? 1.05 : 1);
      EXPECT_EQ(one.submitted, jobs[j].submitted);
      EXPECT_GE(one.started, one.submitted);
      const double ran = one.finished - one.submitted - one.waited;
      EXPECT_GE(ran, least - 1e-4);
      EXPECT_LE(ran, least + 10 * one.parked + 1e-4);
      if (!GetParam().parks && !GetParam().shares) {
        EXPECT_EQ(one.parked, 0);
      }
      for (const JobPhase& phase : jobs[j].phases)
        asked += phase.seconds * jobs[j].gpus * (GetParam().shares ? 1.05 * phase.gpu_milli / 1000 : 1);
    }
    EXPECT_GE(done.gpu_seconds, asked * (1 - 1e-9));
    EXPECT_LE(done.gpu_seconds, done.end * done.gpus) << "never over capacity";
  }
}

TEST_P(EveryRule, GivesTheSameOutcomeForTheSameInput) {
  const auto jobs = random_jobs(11);
  const auto once = run(jobs, machines(3, 4), GetParam().name),
             again = run(jobs, machines(3, 4), GetParam().name);
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    EXPECT_EQ(once.jobs[j].finished, again.jobs[j].finished);
    EXPECT_EQ(once.jobs[j].parked, again.jobs[j].parked);
  }
}

INSTANTIATE_TEST_SUITE_P(, EveryRule, ::testing::ValuesIn(rules()),
                         [](const auto& test) { return test.param.name; });

TEST(ModelJobs, DrawsSharesAroundWhatWasMeasured) {
  std::vector<traces::TraceJob> trace(4000, {0, 300, 1, "a"});
  const auto jobs = model_jobs(trace, 1);
  double mean = 0;
  for (const SimJob& one : jobs) {
    ASSERT_EQ(one.phases.size(), 3U);
    EXPECT_NEAR(one.seconds(), 300, 1e-9);
    EXPECT_LE(one.phases[0].gpu_milli, one.phases[2].gpu_milli) << "models grow";
    for (const JobPhase& phase : one.phases) {
      EXPECT_EQ(phase.gpu_milli % 50, 0);
      EXPECT_GE(phase.gpu_milli, 50);
      EXPECT_LE(phase.gpu_milli, 1000);
    }
    mean += one.phases[1].gpu_milli / 1000.0 / static_cast<double>(jobs.size());
  }
  EXPECT_NEAR(mean, 0.5238 * 1.1 + 0.025, 0.02) << "with headroom, rounded up";
}

TEST(Summarise, TakesMeansPercentilesAndUse) {
  Simulation simulation;
  for (int i = 1; i <= 100; ++i) simulation.jobs.push_back({0, 1, static_cast<double>(i), i / 2.0, i == 7});
  simulation.end = 100;
  simulation.gpus = 2;
  simulation.gpu_seconds = 150;
  const auto summary = summarise(simulation);
  EXPECT_EQ(summary.mean_completion, 50.5);
  EXPECT_EQ(summary.p99_completion, 99);
  EXPECT_EQ(summary.longest_waiting, 50);
  EXPECT_EQ(summary.utilisation, 0.75);
  EXPECT_EQ(summary.parks, 1);
}

Simulation produce(const std::vector<SimJob>& jobs, const std::vector<pack::Machine>& on,
                   const ProductionRules& rules = {}) {
  auto result = simulate_production(jobs, on, rules);
  EXPECT_TRUE(result);
  return std::move(*result);
}

TEST(Production, GivesJobsTheirTurnByTheProductionPlanner) {
  const auto done = produce({job(0, 3, 100), job(10, 2, 100), job(20, 1, 5)}, machines(1, 4));
  EXPECT_EQ(done.jobs[0].finished, 100);
  EXPECT_EQ(done.jobs[2].started, 20) << "it fits beside the first";
  EXPECT_EQ(done.jobs[1].started, 100);
  EXPECT_EQ(done.jobs[1].waited, 90);
  EXPECT_EQ(done.jobs[1].finished, 200);
  EXPECT_EQ(done.gpu_seconds, 3 * 100 + 2 * 100 + 5);
}

TEST(Production, UsersOfATraceShareFairlyByParkingWhoHasMore) {
  std::vector<SimJob> jobs;
  for (int j = 0; j < 4; ++j) jobs.push_back({0, 1, {{1000, 1000}}, "many"});
  jobs.push_back({100, 2, {{50, 1000}}, "few"});
  const auto done = produce(jobs, machines(1, 4));
  EXPECT_EQ(done.jobs[4].started, 100);
  EXPECT_EQ(done.jobs[4].finished, 150);
  EXPECT_EQ(done.jobs[2].parked + done.jobs[3].parked, 2);
  EXPECT_EQ(done.jobs[3].waited, 50);
  EXPECT_EQ(done.jobs[3].finished, 1060) << "50 s of waiting, 10 to be parked and to go on";
  const auto more = produce(jobs, machines(1, 4), {.plan = {.weights = {{"many", 1000}}}});
  EXPECT_EQ(more.jobs[4].started, 100) << "the first job of each user comes with the first of the others";
}

TEST(Production, AWideJobGetsItsTurnThoughNarrowOnesKeepComing) {
  std::vector<SimJob> jobs;
  for (int j = 0; j < 400; ++j) jobs.push_back({10.0 * j, 1, {{40, 1000}}, "u" + std::to_string(j)});
  jobs.push_back({5, 4, {{100, 1000}}, "wide"});
  const auto done = produce(jobs, machines(1, 4), {.patience = 300});
  EXPECT_LE(done.jobs[400].waited, 300 + 1);
  for (const auto& one : done.jobs) EXPECT_GT(one.finished, 0);
}

TEST(Production, IsTheSameEachTimeAndBooksEverySecond) {
  std::vector<SimJob> jobs;
  for (int j = 0; j < 300; ++j) {
    Draw draw(7, j, 0, Purpose::sample);
    jobs.push_back({3.0 * j,
                    1 + j % 5,
                    {{20.0 + 100 * static_cast<double>(draw.uniform()), 1000}},
                    "u" + std::to_string(j % 3)});
  }
  const auto a = produce(jobs, machines(2, 4)), b = produce(jobs, machines(2, 4));
  ASSERT_EQ(a.jobs.size(), b.jobs.size());
  for (std::size_t j = 0; j < a.jobs.size(); ++j) {
    EXPECT_EQ(a.jobs[j].finished, b.jobs[j].finished);
    const double worked = a.jobs[j].finished - a.jobs[j].submitted - a.jobs[j].waited;
    EXPECT_GE(worked, jobs[j].seconds() - 1e-6) << j;
  }
  for (const auto& use : a.use) EXPECT_LE(use.gpus, 8);
}

TEST(Production, RefusesWhatCouldNeverRunAndAClusterOfNothing) {
  const auto wide = simulate_production({job(0, 9, 1)}, machines(2, 4));
  ASSERT_FALSE(wide);
  EXPECT_EQ(wide.error().allowed, "at most 8");
  for (const auto& on : {machines(0, 4), machines(2, 0)}) {
    const auto none = simulate_production({job(0, 1, 1)}, on);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ErrorCode::no_capacity);
    EXPECT_FALSE(simulate({job(0, 1, 1)}, on, *rule_named("fifo"), 1));
  }
}

}  // namespace
}  // namespace troupe::simulate
