#include "base/random.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace troupe {
namespace {

using Block = std::array<std::uint32_t, 4>;

// Known answers of Random123, the library of the paper's authors.
TEST(Philox, GivesThePublishedAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Draw, IsAFunctionOfItsFourNumbers) {
  const auto first = [](std::int64_t seed, std::int64_t step, std::int32_t shard, Purpose purpose) {
    return Draw(seed, step, shard, purpose).bits();
  };
  const auto base = first(1, 2, 3, Purpose::latent);
  EXPECT_EQ(base, first(1, 2, 3, Purpose::latent));
  const std::set<std::uint32_t> all = {base,
                                       first(2, 2, 3, Purpose::latent),
                                       first(1 + (std::int64_t{1} << 32), 2, 3, Purpose::latent),
                                       first(1, 3, 3, Purpose::latent),
                                       first(1, 2 + (std::int64_t{1} << 32), 3, Purpose::latent),
                                       first(1, 2, 4, Purpose::latent),
                                       first(1, 2, 3, Purpose::mix)};
  EXPECT_EQ(all.size(), 7U);
}

TEST(Draw, KeepsItsStreamWhateverIsAskedInBetween) {
  Draw one(7, 0, 0, Purpose::test), two(7, 0, 0, Purpose::test);
  for (int i = 0; i < 1000; ++i)
    EXPECT_EQ(one.bits() >> 8, static_cast<std::uint32_t>(two.uniform() * 0x1p24F));
}

TEST(Draw, FillsWithWhatSingleDrawsGive) {
  for (const std::size_t n : {0UL, 1UL, 2UL, 7UL, 64UL}) {
    Draw one(7, 1, 0, Purpose::test), two(7, 1, 0, Purpose::test);
    std::vector<float> normals(n), uniforms(n);
    one.fill_normal(normals);
    one.fill_uniform(uniforms);
    for (const float v : normals) EXPECT_EQ(v, two.normal());
    for (const float v : uniforms) EXPECT_EQ(v, two.uniform());
  }
}

TEST(Draw, UniformIsUniform) {
  Draw draw(3, 0, 0, Purpose::test);
  std::vector<int> bins(16);
  constexpr int n = 160000;
  for (int i = 0; i < n; ++i) {
    const float v = draw.uniform();
    ASSERT_TRUE(v >= 0 && v < 1);
    ++bins[static_cast<std::size_t>(v * 16)];
  }
  for (const int count : bins) EXPECT_NEAR(count, n / 16.0, 500);  // five standard deviations
}

TEST(Draw, NormalHasTheMomentsOfANormal) {
  Draw draw(3, 0, 1, Purpose::test);
  constexpr int n = 400000;
  double sum[5] = {}, product = 0;
  float last = 0;
  for (int i = 0; i < n; ++i) {
    const float v = draw.normal();
    for (int k = 1; k <= 4; ++k) sum[k] += std::pow(v, k);
    product += v * last;
    last = v;
  }
  EXPECT_NEAR(sum[1] / n, 0, 0.01);
  EXPECT_NEAR(sum[2] / n, 1, 0.015);
  EXPECT_NEAR(sum[3] / n, 0, 0.04);
  EXPECT_NEAR(sum[4] / n, 3, 0.1);
  EXPECT_NEAR(product / n, 0, 0.01);
}

TEST(Draw, NormalIsBoxMullerToTheLastDigits) {
  Draw bits(5, 6, 7, Purpose::test), draw(5, 6, 7, Purpose::test);
  for (int i = 0; i < 20000; ++i) {
    const double radius = std::sqrt(-2 * std::log((bits.bits() + 1.0) * 0x1p-32));
    const double angle = 2 * M_PI * (bits.bits() * 0x1p-32);
    ASSERT_NEAR(draw.normal(), radius * std::cos(angle), 5e-7);
    ASSERT_NEAR(draw.normal(), radius * std::sin(angle), 5e-7);
  }
}

TEST(Draw, NormalKeepsItsBits) {
  Draw draw(1, 2, 3, Purpose::latent);
  const float expected[] = {0x1.1e122ap-1F, 0x1.2ac0acp+0F, 0x1.c5c2d4p+0F,
                            0x1.2a9d4p+0F,  0x1.df71bap-4F, -0x1.2b74c8p-1F};
  for (const float v : expected) EXPECT_EQ(draw.normal(), v);
}

TEST(Draw, BelowStaysBelowAndReachesEverything) {
  Draw draw(3, 0, 2, Purpose::order);
  std::vector<int> bins(7);
  for (int i = 0; i < 70000; ++i) ++bins[draw.below(7)];
  for (const int count : bins) EXPECT_NEAR(count, 10000, 500);
  EXPECT_EQ(draw.below(1), 0U);
  const std::uint64_t large = (std::uint64_t{1} << 63) + 1;
  for (int i = 0; i < 1000; ++i) EXPECT_LT(draw.below(large), large);
}

}  // namespace
}  // namespace troupe
