#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gpu/cuda/gpu_slice.hpp"
#include "tests/gpu/fake_driver.hpp"

namespace troupe::cuda {
namespace {

using testing::HasSubstr;

struct AGpuSlice : testing::Test {
  std::shared_ptr<FakeDriver> driver = std::make_shared<FakeDriver>();
  std::shared_ptr<const CutDevice> cut = cut_device(*driver, 0).value();
  GpuSliceOptions options{.owner = "job gan", .run = {0, 2}, .budget = mib(4), .most = mib(16)};

  std::unique_ptr<GpuSlice> open() { return GpuSlice::open(driver, cut, options).value(); }
};

TEST_F(AGpuSlice, TellsWhatItHas) {
  const auto slice = open();
  slice->account()->set_phase("64x64");
  ASSERT_TRUE(slice->allocate({1000}));
  const auto facts = slice->facts().value();
  EXPECT_EQ(facts.sms_asked, 16U);
  EXPECT_EQ(facts.sms, 16U);
  EXPECT_EQ(facts.held.count, 1024) << "rounded to the granule";
  EXPECT_EQ(facts.budget, mib(4));
  EXPECT_EQ(facts.reserved, mib(2));
}

TEST_F(AGpuSlice, IsAWallThatNamesWhoAskedForWhat) {
  const auto slice = open();
  slice->account()->set_phase("64x64");
  const auto first = slice->allocate(mib(3));
  ASSERT_TRUE(first);
  const auto refused = slice->allocate(mib(2));
  EXPECT_EQ(refused.error().code, ErrorCode::over_budget);
  for (const char* part : {"job gan", "64x64", "2 MiB", "3 MiB", "4 MiB"})
    EXPECT_THAT(refused.error().text(), HasSubstr(part));
  ASSERT_TRUE(slice->free(*first));
  EXPECT_TRUE(slice->allocate(mib(4))) << "to the byte";
  EXPECT_FALSE(slice->allocate({1}));
  EXPECT_EQ(slice->free(Address{12345}).error().code, ErrorCode::internal);
}

TEST_F(AGpuSlice, StandsBehindAnAccountThatOthersLookAtToo) {
  const auto account = options.account = std::make_shared<Account>("job other", Bytes{7});
  auto slice = open();
  EXPECT_EQ(account->budget(), mib(4));
  ASSERT_TRUE(slice->allocate(mib(3)));
  EXPECT_EQ(account->held(), mib(3));
  EXPECT_THAT(slice->allocate(mib(2)).error().text(), HasSubstr("job other"));
  slice.reset();
  EXPECT_EQ(account->held(), Bytes{}) << "what is given back at its end is nobody's any more";
  EXPECT_EQ(driver->blocks(), 0U);
}

TEST_F(AGpuSlice, ADeviceThatIsFullIsNoBreachOfTheWall) {
  const auto slice = open();
  driver->fail_name = "allocate";
  const auto refused = slice->allocate(mib(1));
  EXPECT_THAT(refused.error().text(), HasSubstr("job gan"));
  EXPECT_EQ(slice->account()->held(), Bytes{}) << "nothing stays charged";
}

TEST_F(AGpuSlice, GivesBlocksInNobodysOrderBehindTheSameWall) {
  const auto slice = open();
  driver->log.clear();
  const auto block = slice->allocate_aside({1000});
  ASSERT_TRUE(block);
  EXPECT_EQ(driver->log.back(), "synchronize") << "it is there, whoever uses it";
  EXPECT_EQ(slice->account()->held().count, 1024);
  const auto refused = slice->allocate_aside(mib(4));
  EXPECT_EQ(refused.error().code, ErrorCode::over_budget);
  EXPECT_THAT(refused.error().text(), HasSubstr("job gan"));
  driver->log.clear();
  ASSERT_TRUE(slice->free_aside(*block));
  EXPECT_EQ(driver->log, (std::vector<std::string>{"synchronize", "free"})) << "not under work in flight";
  EXPECT_EQ(slice->account()->held(), Bytes{});
  EXPECT_EQ(slice->free_aside(*block).error().code, ErrorCode::internal);
  driver->fail_name = "synchronize";
  EXPECT_FALSE(slice->allocate_aside({1000}));
  EXPECT_EQ(slice->account()->held(), Bytes{});
  EXPECT_EQ(driver->blocks(), 0U) << "nothing is left of what could not be waited for";
}

TEST_F(AGpuSlice, ChangesItsSizeAtAnEdge) {
  const auto slice = open();
  const auto block = slice->allocate(mib(4)).value();
  const Stream before = slice->stream();
  ASSERT_TRUE(slice->ahead()->make({0, 4}));
  ASSERT_EQ(driver->contexts.size(), 2U) << "one is ready";
  ASSERT_TRUE(slice->ask({0, 4}, mib(8)));
  EXPECT_EQ(slice->stream(), before) << "not before the edge";
  EXPECT_FALSE(slice->allocate({1}));
  const auto switched = slice->at_step_edge();
  ASSERT_TRUE(switched && *switched);
  EXPECT_TRUE((*switched)->prepared);
  EXPECT_NE(slice->stream(), before);
  EXPECT_EQ(slice->facts()->sms, 32U);
  EXPECT_TRUE(slice->allocate(mib(4))) << "the new budget is in force";
  EXPECT_TRUE(slice->free(block)) << "a block of before is freed behind the work of before";
  EXPECT_EQ(driver->log.back(), "free");
}

TEST_F(AGpuSlice, TakesWhatWasMadeBesideItsWork) {
  const auto slice = open();
  ASSERT_TRUE(slice->ahead()->make({0, 4}));
  const auto made = driver->contexts.size();
  ASSERT_TRUE(slice->ask({0, 4}, mib(4)));
  EXPECT_TRUE((*slice->at_step_edge())->prepared);
  EXPECT_EQ(slice->sms(), 32U);
  EXPECT_TRUE(slice->ahead()->make({0, 2})) << "that of before is still there";
  EXPECT_EQ(driver->contexts.size(), made);
}

TEST_F(AGpuSlice, ABudgetBelowWhatIsHeldWaitsUntilItIsFreed) {
  const auto slice = open();
  const auto a = slice->allocate(mib(2)).value();
  const auto b = slice->allocate(mib(2)).value();
  ASSERT_TRUE(slice->ask({0, 2}, mib(2)));
  ASSERT_TRUE(slice->at_step_edge());
  EXPECT_FALSE(slice->allocate({1}));
  ASSERT_TRUE(slice->free(a));
  EXPECT_FALSE(slice->allocate({1}));
  ASSERT_TRUE(slice->free(b));
  EXPECT_EQ(slice->facts()->reserved, mib(4)) << "the pool keeps what was freed …";
  ASSERT_TRUE(slice->at_step_edge());
  EXPECT_EQ(slice->facts()->reserved, mib(2)) << "… but not beyond the budget";
  EXPECT_TRUE(slice->allocate(mib(2)));
}

TEST_F(AGpuSlice, AsksThatCanNotBeMetChangeNothing) {
  const auto slice = open();
  EXPECT_EQ(slice->ask({0, 2}, mib(17)).error().code, ErrorCode::no_capacity);
  EXPECT_FALSE(slice->ask({0, 99}, mib(8)));
  ASSERT_TRUE(slice->at_step_edge());
  EXPECT_EQ(slice->facts()->budget, mib(4));
  EXPECT_EQ(slice->facts()->sms, 16U);
}

TEST_F(AGpuSlice, CountsTheDevicesTimeInSteps) {
  const auto slice = open();
  EXPECT_FALSE(slice->step_ends()) << "none has begun";
  driver->never_done = true;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(slice->step_begins());
    ASSERT_TRUE(slice->step_ends());
  }
  EXPECT_EQ(slice->facts()->busy_seconds, 0) << "the device has not come to their ends";
  ASSERT_TRUE(slice->step_begins());
  ASSERT_TRUE(slice->step_begins()) << "a step that failed is begun anew";
  driver->never_done = false;
  EXPECT_DOUBLE_EQ(slice->facts()->busy_seconds, 3 * 0.25);
  ASSERT_TRUE(slice->step_ends());
  EXPECT_DOUBLE_EQ(slice->facts()->busy_seconds, 4 * 0.25);
  const auto events = driver->events.size();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(slice->step_begins());
    ASSERT_TRUE(slice->step_ends());
  }
  EXPECT_EQ(driver->events.size(), events) << "events are used again";
}

TEST_F(AGpuSlice, LeavesNothingBehindWhateverFails) {
  for (int call = 0;; ++call) {
    driver->calls = 0;
    driver->fail_call = call;
    const auto live = driver->live();
    {
      auto slice = GpuSlice::open(driver, cut, options);
      if (slice) {
        auto& s = **slice;
        const auto block = s.allocate(mib(1));
        (void)s.step_begins();
        (void)s.step_ends();
        (void)s.ask({0, 1}, mib(2));
        (void)s.at_step_edge();
        const auto aside = s.allocate_aside(mib(1));
        if (block) (void)s.free(*block);
        if (aside) (void)s.free_aside(*aside);
        (void)s.facts();
      }
    }
    EXPECT_EQ(driver->live(), live) << "call " << call;
    EXPECT_EQ(driver->blocks(), 0U) << "call " << call;
    if (driver->calls <= call) break;  // it was never made: all have failed once
  }
}

}  // namespace
}  // namespace troupe::cuda
