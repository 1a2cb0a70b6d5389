#include "predict/roofline.hpp"

#include <gtest/gtest.h>

#include "tests/predict/rates.hpp"

namespace troupe {
namespace {

using testing::even_rates;
using testing::second_of_work;

TEST(Work, CountsAWidthBetweenTwoClassesForBoth) {
  Work work;
  work.convolution(Work::forward, 16, 16, 100);
  EXPECT_DOUBLE_EQ(work.convolution_flops[Work::forward][2], 100);
  work.convolution(Work::backward_data, 16, 32, 100);  // half-way in the logarithm
  EXPECT_NEAR(work.convolution_flops[Work::backward_data][2], 50, 1e-9);
  EXPECT_NEAR(work.convolution_flops[Work::backward_data][3], 50, 1e-9);
  work.convolution(Work::backward_weight, 1024, 1024, 7);
  work.convolution(Work::backward_weight, 1, 1, 5);
  EXPECT_DOUBLE_EQ(work.convolution_flops[Work::backward_weight].back(), 7);
  EXPECT_DOUBLE_EQ(work.convolution_flops[Work::backward_weight].front(), 5);
  EXPECT_NEAR(work.flops(), 212, 1e-9);
}

TEST(Work, TellsWhatCachesHoldFromWhatTheyDoNot) {
  Work work;
  work.elementwise(Work::kNear);
  work.elementwise(Work::kNear + 1);
  EXPECT_EQ(work.near_bytes, Work::kNear);
  EXPECT_EQ(work.far_bytes, Work::kNear + 1);
  EXPECT_EQ(work.kernels, 2);
}

TEST(Roofline, DividesShardsByCores) {
  EXPECT_DOUBLE_EQ(step_seconds(second_of_work(), even_rates(), 1), 1);
  EXPECT_DOUBLE_EQ(step_seconds(second_of_work(), even_rates(), 2), 0.5);
  EXPECT_DOUBLE_EQ(step_seconds(second_of_work(), even_rates(), 3), 0.5);  // somebody has two
  EXPECT_DOUBLE_EQ(step_seconds(second_of_work(), even_rates(), 4), 0.25);
  EXPECT_DOUBLE_EQ(step_seconds(second_of_work(), even_rates(), 0), 1);
}

TEST(Roofline, SharesWeightGradientsAmongWhoIsIdle) {
  auto phase = second_of_work();
  phase.shards = 1;
  phase.shard.convolution(Work::backward_weight, 16, 16, 1e9);
  EXPECT_DOUBLE_EQ(step_seconds(phase, even_rates(), 1), 1.25);
  EXPECT_DOUBLE_EQ(step_seconds(phase, even_rates(), 4), 1.25 / 4);
}

TEST(Roofline, CountsSumsUpdatesAndWhatOneWorkerDoesAlone) {
  PhaseForecast phase;
  phase.sum_bytes = phase.update_bytes = phase.serial_bytes = 1e9;
  EXPECT_DOUBLE_EQ(step_seconds(phase, even_rates(), 1), 3);
  EXPECT_DOUBLE_EQ(step_seconds(phase, even_rates(), 2), 2);
}

TEST(Roofline, IsSlowerWhereCoresShareWhatIsUnderThem) {
  auto rates = even_rates();
  rates.arithmetic_share = 0.4;
  EXPECT_DOUBLE_EQ(step_seconds(second_of_work(), rates, 1), 1);
  EXPECT_DOUBLE_EQ(step_seconds(second_of_work(), rates, 2), 0.5 / 0.8);
  EXPECT_DOUBLE_EQ(step_seconds(second_of_work(), rates, 4), 0.25 / 0.4);
}

TEST(Roofline, GrowsWithEveryKindOfWork) {
  auto rates = even_rates();
  rates.convolution_cost.fill(1e-3);
  rates.product_cost = rates.kernel_cost = 1e-3;
  PhaseForecast phase;
  double before = step_seconds(phase, rates, 1);
  const auto grew = [&] {
    const double now = step_seconds(phase, rates, 1);
    const bool more = now > before;
    before = now;
    return more;
  };
  for (const auto pass : {Work::forward, Work::backward_data, Work::backward_weight}) {
    phase.shard.convolution(pass, 8, 8, 1e6);
    EXPECT_TRUE(grew());
  }
  phase.shard.elementwise(100);
  EXPECT_TRUE(grew());
  phase.shard.elementwise(1e8);
  EXPECT_TRUE(grew());
  ++phase.shard.products;
  EXPECT_TRUE(grew());
}

TEST(StepTime, GoesThroughOneCoreAndThoseOfUse) {
  PhaseForecast phase = second_of_work();
  phase.serial_bytes = 1e8;
  const auto time = step_time(phase, even_rates());
  EXPECT_NEAR(time.serial_seconds, 0.1, 1e-9);
  EXPECT_NEAR(time.parallel_seconds, 1, 1e-9);
  phase.shards = 1;
  EXPECT_EQ(step_time(phase, even_rates()).serial_seconds, 0);
}

TEST(DeviceRates, AreValidWhenEveryOneMakesSense) {
  EXPECT_TRUE(even_rates().valid());
  EXPECT_FALSE(DeviceRates{}.valid());
  auto rates = even_rates();
  rates.near_share = 1.1;
  EXPECT_FALSE(rates.valid());
  rates = even_rates();
  rates.convolution[2][3] = 0;
  EXPECT_FALSE(rates.valid());
}

}  // namespace
}  // namespace troupe
