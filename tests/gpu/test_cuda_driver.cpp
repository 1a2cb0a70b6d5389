#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gpu/cuda/owned.hpp"
#include "tests/gpu/fake_driver.hpp"

namespace troupe::cuda {
namespace {

using testing::HasSubstr;

TEST(RealDriver, SaysThatThereIsNoneAndWhatToDo) {
  const auto driver = open_driver("libcuda_of_no_machine.so.1");
  ASSERT_FALSE(driver.has_value());
  EXPECT_EQ(driver.error().code, ErrorCode::not_found);
  EXPECT_THAT(driver.error().text(), HasSubstr("CPU slices"));
  if (built_with_cuda()) {
    EXPECT_THAT(driver.error().text(), HasSubstr("there is no GPU driver"));
    EXPECT_THAT(driver.error().text(), HasSubstr("libcuda_of_no_machine.so.1"));
  }
}

TEST(RealDriver, RefusesALibraryThatIsNoDriver) {
  const auto driver = open_driver("libm.so.6");
  ASSERT_FALSE(driver.has_value());
  EXPECT_EQ(driver.error().code, ErrorCode::not_found);
  if (built_with_cuda()) {
    EXPECT_THAT(driver.error().text(), HasSubstr("older than CUDA 12.0"));
  }
}

TEST(RealDriver, AnswersOrSaysWhyNot) {
  const auto driver = open_driver();
  if (!driver) {
    EXPECT_EQ(driver.error().code, ErrorCode::not_found);
    EXPECT_FALSE(driver.error().hint.empty());
    return;
  }
  const auto version = (*driver)->version();
  ASSERT_TRUE(version.has_value()) << version.error().text();
  EXPECT_GE(*version, 12000);
}

TEST(Owned, DestroysOnceHoweverOftenItMoves) {
  auto fake = std::make_shared<FakeDriver>();
  {
    Owned<Event> a(fake, *fake->make_event());
    Owned<Event> b(std::move(a));
    Owned<Event> c(fake, *fake->make_event());
    c = std::move(b);
    EXPECT_FALSE(a);  // NOLINT(bugprone-use-after-move): that nothing is left is the contract
    EXPECT_FALSE(b);  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(fake->events.size(), 1U);
    EXPECT_EQ(fake->events.count(c.get().value), 1U);
  }
  EXPECT_EQ(fake->live(), 0U);
}

TEST(FakeDriver, SplitsAsCudaDoes) {
  FakeDriver fake;
  const auto whole = fake.sm_resource(0);
  const auto split = fake.split(*whole, 16, 8);
  ASSERT_TRUE(split.has_value());
  EXPECT_EQ(split->parts.size(), 16U);
  ASSERT_TRUE(split->rest.has_value());
  EXPECT_EQ(split->rest->sms, 4U);
  EXPECT_FALSE(fake.split(split->parts[0], 1, 8).has_value()) << "a part can't be split again";
  const auto other = fake.split(*whole, 16, 8);
  const std::vector mixed = {split->parts[0], other->parts[1]};
  EXPECT_FALSE(fake.make_context(mixed).has_value()) << "parts of two splits can't be joined";
}

}  // namespace
}  // namespace troupe::cuda
