// Each epoch is a permutation, for every size.
#include "data/sampler.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/error.hpp"

namespace troupe {
namespace {

bool is_permutation_of(const Sampler& s, std::int64_t epoch) {
  std::vector<char> seen(static_cast<std::size_t>(s.size()));
  for (std::int64_t p = 0; p < s.size(); ++p) {
    const auto i = s.at(epoch, p);
    if (i < 0 || i >= s.size() || seen[static_cast<std::size_t>(i)]++) return false;
  }
  return true;
}

TEST(Sampler, EveryEpochIsAPermutationForEverySize) {
  for (std::int64_t n = 1; n <= 600; ++n) {
    const Sampler s(n * 31, n);
    for (std::int64_t epoch = 0; epoch < 3; ++epoch)
      ASSERT_TRUE(is_permutation_of(s, epoch)) << n << " " << epoch;
  }
  for (const std::int64_t n : {1023, 1024, 1025, 4708, 65535, 65536, 65537, 100000}) {
    ASSERT_TRUE(is_permutation_of(Sampler(1, n), 7)) << n;
  }
}

TEST(Sampler, DoesNotLeaveASetPastAllMemory) {
  const std::int64_t n = std::int64_t{3} << 60;
  const Sampler s(5, n);
  for (std::int64_t p = 0; p < 1000; ++p) {
    ASSERT_GE(s.at(1, n - 1 - p), 0);
    ASSERT_LT(s.at(1, n - 1 - p), n);
  }
}

TEST(Sampler, IsAPureFunctionOfSeedEpochAndPosition) {
  const Sampler a(3, 100), same(3, 100), other(4, 100);
  int equal_seed = 0, equal_epoch = 0;
  for (std::int64_t p = 0; p < 100; ++p) {
    ASSERT_EQ(a.at(2, p), same.at(2, p));
    equal_seed += a.at(2, p) == other.at(2, p);
    equal_epoch += a.at(2, p) == a.at(3, p);
  }
  EXPECT_LT(equal_seed, 10);
  EXPECT_LT(equal_epoch, 10);
}

TEST(Sampler, StaysWhatItWas) {
  // runs resume with the order they began with: these numbers may never change
  const Sampler s(1, 10);
  std::vector<std::int64_t> order;
  for (std::int64_t p = 0; p < 10; ++p) order.push_back(s.at(0, p));
  EXPECT_EQ(order, (std::vector<std::int64_t>{1, 3, 4, 5, 9, 7, 6, 8, 0, 2}));
}

TEST(Sampler, RunsOnThroughTheEpochs) {
  const Sampler s(9, 7);
  for (std::int64_t p = 0; p < 70; ++p) ASSERT_EQ(s.running(p), s.at(p / 7, p % 7));
}

TEST(Sampler, EveryImageComesFirstEquallyOften) {
  for (const std::int64_t n : {3, 10, 37}) {
    const Sampler s(11, n);
    const int epochs = 20000;
    std::vector<int> first(static_cast<std::size_t>(n));
    for (int e = 0; e < epochs; ++e) ++first[static_cast<std::size_t>(s.at(e, 0))];
    const double expected = static_cast<double>(epochs) / static_cast<double>(n);
    for (const int count : first) EXPECT_NEAR(count, expected, 6 * std::sqrt(expected)) << n;
  }
}

TEST(Sampler, RefusesWhatIsNotThere) {
  EXPECT_THROW(Sampler(1, 0), ErrorException);
  EXPECT_THROW(Sampler(1, -5), ErrorException);
  EXPECT_THROW(Sampler(1, 5).at(0, 5), ErrorException);
  EXPECT_THROW(Sampler(1, 5).at(0, -1), ErrorException);
}

}  // namespace
}  // namespace troupe
