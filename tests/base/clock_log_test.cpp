#include <gtest/gtest.h>

#include "base/clock.hpp"
#include "base/log.hpp"

namespace troupe {
namespace {

TEST(Clock, OfTheSystemRunsForwardAndKnowsTheYear) {
  const SystemClock clock;
  const double before = clock.now();
  EXPECT_GE(clock.now(), before);
  EXPECT_GT(clock.unix_time(), 1.7e9);  // 2023
}

TEST(Clock, ByHandMovesOnlyWhenTold) {
  ManualClock clock;
  EXPECT_EQ(clock.now(), 0);
  clock.advance(2.5);
  EXPECT_EQ(clock.now(), 2.5);
  EXPECT_EQ(clock.unix_time(), 2.5);
}

TEST(Log, HasTheLevelAskedFor) {
  EXPECT_EQ(make_log("debug")->level(), spdlog::level::debug);
  EXPECT_EQ(make_log("info")->level(), spdlog::level::info);
  EXPECT_EQ(make_log("warning")->level(), spdlog::level::warn);
  EXPECT_EQ(make_log("error")->level(), spdlog::level::err);
  EXPECT_EQ(make_log("off")->level(), spdlog::level::off);
  EXPECT_EQ(make_log("nonsense")->level(), spdlog::level::info);
  EXPECT_FALSE(quiet_log()->should_log(spdlog::level::critical));
}

TEST(Log, WritesToStandardError) {
  testing::internal::CaptureStderr();
  auto log = make_log("info");
  log->info("one slice");
  log->debug("hidden");
  log->flush();
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("info one slice"), std::string::npos) << text;
  EXPECT_EQ(text.find("hidden"), std::string::npos) << text;
}

}  // namespace
}  // namespace troupe
