#include "tests/gpu/check/step/children.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace troupe::cuda::check {
namespace {

TEST(AChild, AnswersByLine) {
  const auto child = Child::start({"/bin/sh", "-c", "echo noise; while read a b; do echo ran $b; done"});
  ASSERT_TRUE(child) << child.error().text();
  for (const std::string number : {"1", "2.5"}) {
    ASSERT_TRUE((*child)->tell("run " + number));
    const auto told = (*child)->hear("ran", 60);
    ASSERT_TRUE(told) << told.error().text();
    EXPECT_EQ(*told, number);
  }
}

TEST(AChild, ThatEndsIsAnErrorAndNoWait) {
  const auto child = Child::start({"/bin/sh", "-c", "echo ran; exit 3"});  // nothing behind the word
  ASSERT_TRUE(child);
  const auto told = (*child)->hear("ran", 600);
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, ErrorCode::peer_failed);
}

TEST(AChild, ThatDoesNotListenIsAnError) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto child = Child::start({"/bin/sh", "-c", "exec 0<&-; echo closed now"});
  ASSERT_TRUE(child);
  ASSERT_TRUE((*child)->hear("closed", 600));
  EXPECT_FALSE((*child)->tell("run 1"));
}

TEST(AChild, ThatIsSilentIsGivenUp) {
  const auto child = Child::start({"/bin/sh", "-c", "read line"});
  ASSERT_TRUE(child);
  const auto told = (*child)->hear("ran", 0.01);
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, ErrorCode::peer_missing);
}

TEST(AChild, ThatIsNoProgramCanNotBeStarted) {
  const auto child = Child::start({"/there/is/none"});
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().code, ErrorCode::io);
}

TEST(AChild, EndsWithItsInputThoughOthersWereStartedBehindIt) {
  auto first = Child::start({"/bin/sh", "-c", "while read line; do :; done"});
  const auto second = Child::start({"/bin/sh", "-c", "while read line; do :; done"});
  ASSERT_TRUE(first && second);
  first->reset();  // waits for it
}

}  // namespace
}  // namespace troupe::cuda::check
