#include "predict/interference.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/predict/rates.hpp"

namespace troupe {
namespace {

/// Two cores that keep all of their arithmetic, four fifths of their caches' rate and half of memory's.
DeviceRates pair_of_cores() {
  auto rates = testing::even_rates();
  rates.cores = 2;
  rates.near_share = 0.8;
  rates.far_share = 0.5;
  return rates;
}
const StepProfile computing{.arithmetic = 1}, streaming{.far = 1}, mixed{.arithmetic = 0.5, .far = 0.5},
    waiting{};

PhaseForecast work(double product_flops, double near_bytes, double far_bytes) {
  PhaseForecast phase;
  phase.shards = 4;
  phase.shard.product_flops = product_flops;
  phase.shard.near_bytes = near_bytes;
  phase.shard.far_bytes = far_bytes;
  return phase;
}

TEST(StepProfile, IsSharesOfTheStepOfItself) {
  const auto p = profile_of(work(1e6, 2e6, 1e6), pair_of_cores(), 1);
  EXPECT_DOUBLE_EQ(p.arithmetic, 0.25);
  EXPECT_DOUBLE_EQ(p.near, 0.5);
  EXPECT_DOUBLE_EQ(p.far, 0.25);
}

TEST(StepProfile, OfAJobThatWaitsIsTheRestOfItsTime) {
  const auto p = profile_of(work(1e6, 0, 1e6), pair_of_cores(), 1, 0.8);
  EXPECT_NEAR(p.arithmetic, 0.1, 1e-12);
  EXPECT_NEAR(p.far, 0.1, 1e-12);
  EXPECT_EQ(profile_of(work(1e6, 0, 0), pair_of_cores(), 1, 7).arithmetic, 0);
}

TEST(StepProfile, OfNothingIsNothing) {
  const auto p = profile_of({}, pair_of_cores(), 0);
  EXPECT_EQ(p.arithmetic + p.near + p.far, 0);
  EXPECT_EQ(p.cores, 1);
}

TEST(StepProfile, CountsWhatEveryWorkerGoesThrough) {
  auto phase = work(1e6, 0, 0);
  phase.bytes = mib(10);
  phase.bytes_a_worker = mib(4);
  EXPECT_EQ(profile_of(phase, pair_of_cores(), 2).touched, static_cast<double>(mib(14).count));
}

TEST(Slowdown, IsThatOfWhatBothWantAtOnce) {
  const auto rates = pair_of_cores();
  EXPECT_DOUBLE_EQ(slowdown(streaming, streaming, rates), 2);
  EXPECT_DOUBLE_EQ(slowdown(computing, computing, rates), 1);
  EXPECT_DOUBLE_EQ(slowdown(computing, streaming, rates), 1);
  EXPECT_DOUBLE_EQ(slowdown(streaming, mixed, rates), 1.5);
  EXPECT_DOUBLE_EQ(slowdown(mixed, streaming, rates), 1.5);
  EXPECT_DOUBLE_EQ(slowdown(mixed, mixed, rates), 1.25);
  EXPECT_DOUBLE_EQ(slowdown(streaming, waiting, rates), 1);
  EXPECT_DOUBLE_EQ(slowdown(waiting, streaming, rates), 1);
}

TEST(Slowdown, CountsCoresOfItsOwnAsThereInAnyCase) {
  auto rates = pair_of_cores();
  rates.cores = 3;  // one more of three costs a quarter of the rate
  auto two = streaming;
  two.cores = 2;
  EXPECT_DOUBLE_EQ(slowdown(streaming, streaming, rates), 1 / 0.75);
  EXPECT_DOUBLE_EQ(slowdown(two, streaming, rates), 0.75 / 0.5);
  EXPECT_DOUBLE_EQ(slowdown(streaming, two, rates), 1 / 0.5);
}

TEST(Slowdown, IsMoreWhereTheCacheHoldsOneButNotBoth) {
  auto rates = pair_of_cores();
  auto small = mixed, large = mixed;
  small.touched = 8e6;
  large.touched = 24e6;
  const double apart = slowdown(large, large, rates);
  rates.shared_cache = 32e6;
  EXPECT_DOUBLE_EQ(slowdown(small, small, rates), apart);
  EXPECT_GT(slowdown(large, large, rates), apart);
  EXPECT_DOUBLE_EQ(slowdown(large, waiting, rates), 1) << "who does nothing drives nothing out";
  auto huge = mixed;
  huge.touched = 1e12;
  EXPECT_NEAR(slowdown(huge, large, rates), apart, 1e-3) << "it was in no cache before";
}

TEST(Interference, IsCorrectedByWhatWasMeasured) {
  Interference known;
  const Neighbour gan{"gan", "8x8", 1}, unet{"unet", "all", 1}, reader{"reader", "all", 1};
  EXPECT_EQ(known.corrected(gan, unet, 1.1), 1.1);
  EXPECT_EQ(known.measured(gan, unet), 0);
  for (int i = 0; i < 5; ++i) known.learn(gan, unet, 1.1, 1.32);
  known.learn(gan, unet, 1.1, 11);  // something else held it up
  EXPECT_NEAR(known.corrected(gan, unet, 1.1), 1.32, 1e-9);
  EXPECT_EQ(known.measured(gan, unet), 6);
  EXPECT_NEAR(known.corrected(gan, reader, 1), 1.2, 1e-9) << "what is known of it beside others";
  EXPECT_EQ(known.corrected(unet, gan, 1.1), 1.1) << "the other way round is another thing";
}

TEST(Interference, PassesOverWhatMakesNoSense) {
  Interference known;
  const Neighbour a{"a", "p", 1};
  for (const double measured : {0.0, -1.0, std::nan(""), 1e30}) known.learn(a, a, 1, measured);
  EXPECT_EQ(known.measured(a, a), 0);
  EXPECT_EQ(known.corrected(a, a, 1.5), 1.5);
}

}  // namespace
}  // namespace troupe
