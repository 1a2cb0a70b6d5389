// The GAN's step by LibTorch's operators against the CPU's own kernels: losses and every gradient.
#include "tests/train/gan_device.hpp"

#include <c10/core/ScalarType.h>
#include <gtest/gtest.h>

#include "gpu/torch_allocator.hpp"

namespace troupe::gan {
namespace {

struct Case {
  int generators, phase, channels, width;
  float alpha;
};
NetShape shape_of(const Case& c) { return {c.generators, 7, c.channels, 3 * c.width, c.width, 4, 32}; }

void expect_equal(const Case& c, const DeviceOptions& options, double tolerance) {
  use_one_torch_thread();
  const auto found = TwoSteps::away_from_kinks(shape_of(c), c.phase, c.alpha);
  ASSERT_NE(found, nullptr);
  TwoSteps& two = *found;
  const StepResult wanted = two.native(), got = two.device(options);
  ASSERT_EQ(wanted.critic.size(), got.critic.size());
  ASSERT_EQ(wanted.generator.size(), got.generator.size());
  for (std::size_t i = 0; i < wanted.scores.size(); ++i)
    EXPECT_NEAR(got.scores[i], wanted.scores[i], tolerance * std::abs(wanted.scores[i])) << "score " << i;
  constexpr double kFloor = 1e-12;  // below single precision's noise in what cancels
  const auto critic = TwoSteps::worst(two.critic.table(), c.phase, wanted.critic, got.critic, kFloor);
  EXPECT_LE(critic.norm, tolerance) << "critic's " << critic.of;
  EXPECT_LE(critic.element, tolerance) << "critic's " << critic.of;
  const auto generator =
      TwoSteps::worst(two.generator.table(), c.phase, wanted.generator, got.generator, kFloor);
  EXPECT_LE(generator.norm, tolerance) << "generator's " << generator.of;
  EXPECT_LE(generator.element, tolerance) << "generator's " << generator.of;
}

class DeviceStepOf : public testing::TestWithParam<Case> {};

TEST_P(DeviceStepOf, IsTheCpusStep) { expect_equal(GetParam(), {}, 1e-4); }
TEST_P(DeviceStepOf, IsTheCpusStepWithChannelsFirst) {
  expect_equal(GetParam(), {.channels_last = false}, 1e-4);
}

/// Half precision: over several draws, the difference of a network's gradient is at most so large a share of
/// its norm. A bfloat16 keeps 8 bits (0.4 %), a gradient has gone through a dozen layers of them, and
/// activations beside a kink count too; of a single bias, whose gradient may cancel, nothing is promised.
constexpr double kHalfCritic = 0.08, kHalfGenerator = 0.15;
constexpr double kHalfScore = 0.03, kHalfScoreAtZero = 0.1;

class HalfPrecisionStepOf : public testing::TestWithParam<Case> {};

TEST_P(HalfPrecisionStepOf, IsNearTheCpus) {
  use_one_torch_thread();
  const Case& c = GetParam();
  double off[2] = {}, size[2] = {};
  for (std::int64_t seed = 3; seed < 9; ++seed) {
    TwoSteps two(shape_of(c), c.phase, c.alpha, 5, seed);
    const StepResult wanted = two.native();
    const StepResult got = two.device({.compute = at::kBFloat16, .channels_last = seed % 2 == 0});
    for (const std::size_t score : {0u, 2u, 4u})
      EXPECT_NEAR(got.scores[score], wanted.scores[score],
                  kHalfScore * std::abs(wanted.scores[score]) + kHalfScoreAtZero)
          << "score " << score;
    for (const int net : {0, 1}) {
      const auto& a = net == 0 ? wanted.critic : wanted.generator;
      const auto& b = net == 0 ? got.critic : got.generator;
      for (std::size_t i = 0; i < a.size(); ++i) {
        size[net] += static_cast<double>(a[i]) * a[i];
        off[net] += static_cast<double>(b[i] - a[i]) * (b[i] - a[i]);
      }
    }
  }
  const double critic = std::sqrt(off[0] / size[0]), generator = std::sqrt(off[1] / size[1]);
  EXPECT_LE(critic, kHalfCritic);
  EXPECT_LE(generator, kHalfGenerator);
  EXPECT_GT(critic, 1e-4) << "it was not computed in half precision";
}

std::string name_of(const testing::TestParamInfo<Case>& info) {
  const Case& c = info.param;
  return "Size" + std::to_string(4 << c.phase) + "K" + std::to_string(c.generators) + "Channels" +
         std::to_string(c.channels) + "Width" + std::to_string(c.width) + "Fade" +
         std::to_string(std::lround(100 * c.alpha));
}
INSTANTIATE_TEST_SUITE_P(Sizes, DeviceStepOf,
                         testing::Values(Case{1, 0, 1, 12, 1}, Case{3, 0, 3, 48, 1}, Case{2, 1, 1, 12, 1},
                                         Case{2, 1, 3, 20, 0.3F}, Case{1, 1, 1, 48, 0.01F},
                                         Case{3, 2, 1, 20, 0.6F}, Case{1, 2, 3, 48, 1},
                                         Case{4, 3, 1, 12, 0.5F}, Case{2, 3, 3, 20, 1},
                                         Case{1, 3, 1, 48, 0.9F}, Case{2, 3, 1, 64, 1}),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Sizes, HalfPrecisionStepOf,
                         testing::Values(Case{1, 0, 1, 12, 1}, Case{2, 1, 3, 20, 0.3F}, Case{3, 2, 1, 20, 1},
                                         Case{2, 3, 1, 48, 0.5F}),
                         name_of);

}  // namespace
}  // namespace troupe::gan
