#include "predict/progression.hpp"

#include <gtest/gtest.h>

#include "tests/predict/rates.hpp"

namespace troupe {
namespace {

PhaseAhead ahead(int number, double seconds, Bytes bytes, bool timed = true) {
  PhaseAhead phase;
  phase.steps = 10;
  phase.question.phase = number;
  phase.question.name = std::to_string(4 << number);
  phase.question.forecast = testing::second_of_work();
  phase.question.forecast->shard.product_flops *= seconds;
  phase.question.forecast->bytes = bytes;
  phase.question.forecast->bytes_a_worker = mib(10);
  if (timed) phase.question.rates = std::make_shared<DeviceRates>(testing::even_rates());
  return phase;
}

const ProgressionOptions device{
    .cores = 4, .memory = gib(1), .min_cores = 1, .max_cores = 4, .target_step_seconds = 0.05};

TEST(Progression, TellsEachPhaseItsShareOfTheDevice) {
  const auto told = tell_progression(
      "gan", {ahead(0, 0.01, mib(20)), ahead(1, 0.1, mib(60)), ahead(2, 1, mib(100))}, {}, device);
  ASSERT_EQ(told.phases.size(), 3u);
  EXPECT_NEAR(told.phases[0].threads_percent, 5, 1e-6);   // a fifth of a core
  EXPECT_NEAR(told.phases[1].threads_percent, 50, 1e-6);  // two of four
  EXPECT_NEAR(told.phases[2].threads_percent, 100, 1e-6);
  EXPECT_EQ(told.phases[1].wanted_cores, 2);
  EXPECT_EQ(told.phases[2].wanted_cores, 4);
  EXPECT_GT(told.phases[1].memory_percent, 100 * 70.0 / 1024);
  EXPECT_LT(told.phases[1].memory_percent, 100 * 80.0 / 1024);
  EXPECT_EQ(told.phases[2].peak, mib(100));
  EXPECT_EQ(told.phases[2].peak_a_worker, mib(10));
  EXPECT_EQ(told.phases[2].learned, 0);
  ASSERT_EQ(told.phases[2].seconds.size(), 4u);
  EXPECT_DOUBLE_EQ(told.phases[2].seconds[3], 0.25);
}

TEST(Progression, SumsTheRunAndFindsTheSmallestSlice) {
  const auto told = tell_progression("gan", {ahead(0, 0.1, mib(200)), ahead(1, 1, mib(100))}, {}, device);
  ASSERT_EQ(told.run_seconds.size(), 4u);
  EXPECT_NEAR(told.run_seconds[0], 11, 1e-9);
  EXPECT_NEAR(told.run_seconds[1], 5.5, 1e-9);
  EXPECT_NEAR(static_cast<double>(told.smallest.count), 1.02 * static_cast<double>(mib(204).count), 1);
  auto wide = device;
  wide.min_cores = 3;
  EXPECT_GT(tell_progression("gan", {ahead(0, 0.1, mib(200))}, {}, wide).smallest, mib(224));
}

TEST(Progression, IsCorrectedByWhatWasLearned) {
  Correction learned;
  for (int i = 0; i < 5; ++i) learned.step({"gan", "4", 1}, 1, 2);
  const auto told = tell_progression("gan", {ahead(0, 1, mib(1)), ahead(1, 1, mib(1))}, learned, device);
  EXPECT_NEAR(told.phases[0].seconds[0], 2, 1e-9);
  EXPECT_EQ(told.phases[0].learned, 5);
  EXPECT_EQ(told.phases[1].learned, 0);
}

TEST(Progression, HasNoTimesWhereNobodyMeasuredTheDevice) {
  const auto told = tell_progression("gan", {ahead(0, 1, mib(1)), ahead(1, 1, mib(1), false)}, {}, device);
  EXPECT_TRUE(told.phases[1].seconds.empty());
  EXPECT_TRUE(told.run_seconds.empty());
  EXPECT_EQ(told.phases[1].threads_percent, 0);
}

}  // namespace
}  // namespace troupe
