#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "gpu/cuda/pool_budget.hpp"
#include "tests/gpu/fake_driver.hpp"

namespace troupe::cuda {
namespace {

using testing::HasSubstr;

TEST(PoolBudget, IsAWallToTheGranule) {
  PoolBudget budget("job gan", {2048}, {512});
  EXPECT_EQ(budget.charge({1})->count, 512);
  EXPECT_EQ(budget.charge({1024})->count, 1024);
  EXPECT_FALSE(budget.charge({513}).has_value());
  EXPECT_EQ(budget.account()->held().count, 1536) << "a refusal charges nothing";
  EXPECT_EQ(budget.charge({512})->count, 512);
  EXPECT_EQ(budget.account()->held(), budget.account()->budget());
  EXPECT_FALSE(budget.charge({1}).has_value());
  budget.release({512});
  EXPECT_TRUE(budget.charge({512}).has_value());
  EXPECT_EQ(budget.account()->peak().count, 2048);
}

TEST(PoolBudget, NamesWhoAskedForWhat) {
  PoolBudget budget("job gan", mib(4), mib(2));
  budget.account()->set_phase("64x64");
  ASSERT_TRUE(budget.charge(mib(2)).has_value());
  const auto refused = budget.charge(mib(3));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::over_budget);
  for (const char* part : {"gan", "64x64", "4 MiB", "2 MiB"})
    EXPECT_THAT(refused.error().text(), HasSubstr(part));
}

TEST(PoolBudget, RefusesSizesThatMakeNoSense) {
  PoolBudget budget("job", mib(4), {512});
  EXPECT_EQ(budget.charge({0}).error().code, ErrorCode::bad_config);
  EXPECT_EQ(budget.charge({-1}).error().code, ErrorCode::bad_config);
  EXPECT_EQ(budget.charge({std::numeric_limits<std::int64_t>::max()}).error().code, ErrorCode::over_budget);
  EXPECT_EQ(budget.account()->held().count, 0);
}

TEST(PoolBudget, ShrinksBelowWhatIsHeldAndSaysWhatMustGo) {
  PoolBudget budget("job", mib(8), mib(1));
  ASSERT_TRUE(budget.charge(mib(6)).has_value());
  EXPECT_EQ(budget.must_free(), Bytes{});
  budget.set_budget(mib(4));
  EXPECT_EQ(budget.must_free(), mib(2));
  EXPECT_FALSE(budget.charge(mib(1)).has_value());
  budget.release(mib(6));
  EXPECT_EQ(budget.must_free(), Bytes{});
  EXPECT_TRUE(budget.charge(mib(4)).has_value());
}

TEST(PoolBudget, SettlesWithTheDriversCounts) {
  FakeDriver fake;
  PoolBudget budget("job", mib(8), mib(2));
  const auto pool = *fake.make_pool(0, mib(16));
  const auto size = *budget.charge(mib(5));
  EXPECT_EQ(size, mib(6));
  const auto block = *fake.allocate(pool, {}, size);
  auto settled = budget.settle(*fake.pool_counts(pool));
  EXPECT_EQ(settled.idle, Bytes{});
  EXPECT_EQ(settled.unknown, Bytes{});
  EXPECT_FALSE(settled.trim);

  const auto stray = *fake.allocate(pool, {}, mib(4));  // past the account
  settled = budget.settle(*fake.pool_counts(pool));
  EXPECT_EQ(settled.unknown, mib(4));
  ASSERT_TRUE(fake.free(stray, {}).has_value());
  ASSERT_TRUE(fake.free(block, {}).has_value());
  budget.release(size);

  budget.set_budget(mib(4));
  settled = budget.settle(*fake.pool_counts(pool));
  EXPECT_EQ(settled.idle, mib(10)) << "freed blocks stay with the pool";
  ASSERT_TRUE(settled.trim);
  ASSERT_TRUE(fake.trim(pool, settled.keep).has_value());
  EXPECT_EQ(fake.pool_counts(pool)->reserved, mib(4));
  EXPECT_FALSE(budget.settle(*fake.pool_counts(pool)).trim);
}

}  // namespace
}  // namespace troupe::cuda
