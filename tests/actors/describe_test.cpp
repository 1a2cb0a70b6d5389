// Every error that CAF may hand over is told in words, the empty one too.
#include <gtest/gtest.h>

#include <caf/exit_reason.hpp>

#include "actors/common.hpp"

namespace troupe {
namespace {

TEST(Describe, AnEmptyErrorIsAnEnd) {
  EXPECT_EQ(describe(caf::error()), "it had ended");
  EXPECT_EQ(describe(caf::make_error(caf::sec::none)), "it had ended");
}

TEST(Describe, ReasonsOfAnExitHaveTheirNames) {
  EXPECT_EQ(describe(caf::make_error(caf::exit_reason::user_shutdown)), "user_shutdown");
}

TEST(Describe, ErrorsOfTheSystemHaveTheirNames) {
  EXPECT_EQ(describe(caf::make_error(caf::sec::request_receiver_down)), "request_receiver_down");
}

TEST(Describe, AnExceptionIsItsText) {
  EXPECT_EQ(describe(caf::make_error(caf::sec::runtime_error, std::string("shard 3 fell over"))),
            "shard 3 fell over");
}

}  // namespace
}  // namespace troupe
