#include "predict/demand_table.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "tests/predict/rates.hpp"

namespace troupe {
namespace {

PhaseQuestion phase(int number, double relative_seconds = 1, double relative_bytes = 1) {
  return {number, std::to_string(4 << number), relative_seconds, relative_bytes, {}, {}};
}

/// 100 MiB with one worker, 40 for each further one, a second of arithmetic on one core.
PhaseQuestion forecast_phase(int number) {
  auto question = phase(number);
  question.forecast = testing::second_of_work();
  question.forecast->bytes = mib(100);
  question.forecast->bytes_a_worker = mib(40);
  question.rates = std::make_shared<DeviceRates>(testing::even_rates());
  return question;
}

const Correction nothing;

TEST(DemandTable, GuessesBytesAndNoTimeBeforeAnythingWasMeasured) {
  DemandTable table;
  const auto demand = table.demand(phase(2, 30, 4), nothing);
  EXPECT_EQ(demand.bytes, gib(1));
  EXPECT_FALSE(demand.measured);
  EXPECT_EQ(demand.step_seconds(1), 0);
  EXPECT_EQ(demand.phase, "16");
  EXPECT_EQ(table.predict(2, 1, nothing).step_seconds, 0);
}

TEST(DemandTable, TellsWhatWasMeasuredInThePhase) {
  DemandTable table;
  Correction seen;
  table.demand(phase(1, 4, 2), nothing);
  table.measured({1, 2, 0.06, 0.01, mib(100), 2}, seen);
  const auto demand = table.demand(phase(1, 4, 2), nothing);
  EXPECT_TRUE(demand.measured);
  EXPECT_DOUBLE_EQ(demand.step_seconds(2), 0.06);
  EXPECT_DOUBLE_EQ(demand.step_seconds(1), 0.11);
  EXPECT_EQ(demand.bytes, mib(125 + 32));
}

TEST(DemandTable, ScalesFromTheLastPhaseBefore) {
  DemandTable table;
  Correction seen;
  for (const auto& asked : {phase(0), phase(1, 4, 2), phase(3, 64, 8)}) table.demand(asked, nothing);
  table.measured({0, 1, 0.01, 0, mib(10), 1}, seen);
  table.measured({1, 1, 0.05, 0.01, mib(40), 1}, seen);
  table.measured({3, 1, 9, 0, gib(1), 1}, seen);
  const auto demand = table.demand(phase(2, 16, 4), nothing);
  EXPECT_FALSE(demand.measured);
  EXPECT_DOUBLE_EQ(demand.step_seconds(1), 0.01 + 0.04 * 4);
  EXPECT_EQ(demand.bytes, mib(100 + 32));
}

TEST(DemandTable, KeepsTheHighestPeakAndIsNotMovedBySmallChanges) {
  DemandTable table;
  Correction seen;
  table.demand(phase(0), nothing);
  table.measured({0, 1, 0.100, 0, mib(100), 1}, seen);
  table.measured({0, 1, 0.105, 0, mib(80), 1}, seen);
  EXPECT_DOUBLE_EQ(table.demand(phase(0), nothing).step_seconds(1), 0.100);
  EXPECT_EQ(table.demand(phase(0), nothing).bytes, mib(125 + 32));
  table.measured({0, 1, 0.200, 0, mib(120), 1}, seen);
  EXPECT_DOUBLE_EQ(table.demand(phase(0), nothing).step_seconds(1), 0.200);
  EXPECT_EQ(table.demand(phase(0), nothing).bytes, mib(150 + 32));
}

TEST(DemandTable, PassesOverWhatHasNoMeaning) {
  DemandTable table;
  Correction seen;
  table.demand(phase(0), nothing);
  table.measured({0, 0, 0.1, 0, mib(1), 1}, seen);
  table.measured({0, 1, std::nan(""), 0, mib(1), 1}, seen);
  table.measured({0, 1, -1, 0, mib(1), 1}, seen);
  table.measured({7, 1, 1, 0, mib(1), 1}, seen);  // nobody asked about it
  EXPECT_FALSE(table.demand(phase(0), nothing).measured);
}

TEST(DemandTable, TakesTheForecastForWhatWasNeverMeasured) {
  DemandTable table;
  const auto demand = table.demand(forecast_phase(0), nothing);
  EXPECT_FALSE(demand.measured);
  EXPECT_EQ(demand.bytes, mib(100 + 4));
  EXPECT_EQ(demand.bytes_for(3), mib(184));
  EXPECT_DOUBLE_EQ(demand.headroom, PeakErrors::kLeast);
  EXPECT_NEAR(static_cast<double>(demand.wall_for(3).count), 1.02 * static_cast<double>(mib(184).count), 1);
  EXPECT_DOUBLE_EQ(demand.step_seconds(1), 1);
  EXPECT_DOUBLE_EQ(demand.step_seconds(2), 0.5);
  EXPECT_EQ(table.predict(0, 2, nothing).bytes, mib(140));
}

TEST(DemandTable, AsksForMoreOnceAPeakCameToMoreThanItsForecast) {
  DemandTable table("gan", {}), another("gan", {});
  Correction seen;
  table.demand(forecast_phase(0), seen);
  table.measured({0, 2, 0.5, 0, mib(70), 2}, seen);  // less: the rest of the phase may still take it
  EXPECT_NEAR(table.demand(forecast_phase(0), seen).headroom, PeakErrors::kLeast, 1e-12);
  table.measured({0, 2, 0.5, 0, mib(280), 2}, seen);  // twice what was told for two
  EXPECT_TRUE(table.demand(forecast_phase(0), seen).measured);
  for (auto* any : {&table, &another}) {
    const auto demand = any->demand(forecast_phase(1), seen);
    EXPECT_EQ(demand.bytes, mib(100 + 4));
    EXPECT_GE(demand.wall_for(1), mib(200 + 4)) << "it would have been covered";
    EXPECT_EQ(any->predict(1, 1, seen).headroom, demand.headroom);
  }
}

TEST(DemandTable, IsCorrectedByTheStepsOfThePhaseAndThoseBefore) {
  DemandTable table("gan", {});
  Correction learned;
  table.demand(forecast_phase(0), learned);
  table.demand(forecast_phase(1), learned);
  table.steps(0, 1, std::vector<double>(20, 1.5), learned);
  EXPECT_NEAR(table.predict(0, 1, learned).step_seconds, 1.5, 1e-9);
  EXPECT_EQ(table.predict(0, 1, learned).learned, 20);
  EXPECT_NEAR(table.predict(1, 2, learned).step_seconds, 0.75, 1e-9);
  EXPECT_EQ(table.predict(1, 2, learned).learned, 0);
  EXPECT_NEAR(table.demand(forecast_phase(1), learned).step_seconds(1), 1.5, 1e-9);
}

TEST(DemandTable, IsNotMovedByAFewSlowStepsAmongMany) {
  for (const int steps : {30, 31}) {
    DemandTable table("gan", {});
    Correction learned;
    table.demand(forecast_phase(0), learned);
    std::vector<double> seconds(static_cast<std::size_t>(steps), 1.5);
    seconds.back() = 60;
    table.steps(0, 1, seconds, learned);
    table.measured({.phase = 0, .cores = 1, .step_seconds = 3, .serial_seconds = 1, .peak = mib(100)},
                   learned);
    const auto demand = table.demand(forecast_phase(0), learned);
    EXPECT_NEAR(demand.step_seconds(1), steps == 31 ? 1.5 : 3, 1e-9) << "a mean of few, a median of many";
    EXPECT_NEAR(demand.serial_seconds, demand.step_seconds(1) / 3, 1e-9) << "in the parts that were measured";
  }
}

TEST(DemandTable, TellsHowManyCoresWereSeenToBeAsGoodAsFewer) {
  const auto told = [](const std::map<int, double>& seconds_on) {
    Correction learned;
    DemandTable seen("gan", {}), next("gan", {});
    for (auto* table : {&seen, &next}) table->demand(forecast_phase(0), learned);
    for (const auto& [cores, seconds] : seconds_on)
      seen.steps(0, cores, std::vector<double>(20, seconds), learned);
    EXPECT_EQ(seen.demand(forecast_phase(0), learned).lossless_cores,
              next.demand(forecast_phase(0), learned).lossless_cores);
    EXPECT_EQ(seen.demand(forecast_phase(1), learned).lossless_cores, 1)
        << "of another phase nothing was seen";
    return next.demand(forecast_phase(0), learned).lossless_cores;
  };
  EXPECT_EQ(told({}), 1) << "a forecast alone tells nothing";
  EXPECT_EQ(told({{2, 0.5}}), 1);
  EXPECT_EQ(told({{1, 1}, {2, 0.5}}), 2);
  EXPECT_EQ(told({{1, 1}, {2, 0.54}}), 2);
  EXPECT_EQ(told({{1, 1}, {2, 0.58}}), 1);
  EXPECT_EQ(told({{1, 1}, {2, 0.5}, {4, 0.3}}), 2);
  EXPECT_EQ(told({{1, 1}, {2, 0.6}, {4, 0.25}}), 4);
}

TEST(DemandTable, LearnsFromOtherJobsOfItsKind) {
  Correction learned;
  DemandTable first("gan", {}), second("gan", {}), other("segmentation", {});
  for (auto* table : {&first, &second, &other}) table->demand(forecast_phase(0), learned);
  first.steps(0, 1, std::vector<double>(20, 3.0), learned);
  EXPECT_NEAR(second.predict(0, 1, learned).step_seconds, 3, 1e-9);
  EXPECT_NEAR(other.predict(0, 1, learned).step_seconds, 1, 1e-9);
}

}  // namespace
}  // namespace troupe
