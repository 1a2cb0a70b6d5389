#include "base/error.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace troupe {
namespace {

TEST(Error, ReadsLikeACompilersAndLeavesEmptyPartsOut) {
  Error e;
  e.code = ErrorCode::bad_config;
  e.what = "`port` is out of range";
  EXPECT_EQ(e.text(), "error: `port` is out of range");
  e.where = "cluster.toml:3:8";
  e.given = "99999";
  EXPECT_EQ(e.text(), "cluster.toml:3:8: error: `port` is out of range (given 99999)");
  e.allowed = "0 … 65535";
  e.hint = "Leave it out";
  EXPECT_EQ(e.text(),
            "cluster.toml:3:8: error: `port` is out of range (given 99999; allowed 0 … 65535). Leave it out");
  e.given.clear();
  EXPECT_EQ(e.text(), "cluster.toml:3:8: error: `port` is out of range (allowed 0 … 65535). Leave it out");
}

TEST(Error, WithoutWordsFallsBackOnItsCode) {
  Error e;
  e.code = ErrorCode::over_budget;
  EXPECT_EQ(e.text(), "error: over_budget");
}

TEST(Error, SendsNoControlBytesToATerminal) {
  Error e;
  e.what = "bad name";
  e.given = "\x1b[31m\x7f";
  EXPECT_EQ(e.text(), "error: bad name (given \\x1b[31m\\x7f)");
}

TEST(Error, TellsTheShellWhoseFaultItWas) {
  const auto exit_code = [](ErrorCode code) {
    Error e;
    e.code = code;
    return e.exit_code();
  };
  EXPECT_EQ(exit_code(ErrorCode::bad_config), 2);
  EXPECT_EQ(exit_code(ErrorCode::bad_usage), 2);
  EXPECT_EQ(exit_code(ErrorCode::interrupted), 130);
  EXPECT_EQ(exit_code(ErrorCode::io), 1);
  EXPECT_EQ(exit_code(ErrorCode::internal), 1);
}

template <class Thrown>
Error caught(const Thrown& thrown) {
  try {
    throw thrown;
  } catch (...) {
    return from_current_exception("job a");
  }
}

TEST(Error, SurvivesBeingThrown) {
  Error e;
  e.code = ErrorCode::over_budget;
  e.what = "too much";
  const Error back = caught(ErrorException(e));
  EXPECT_EQ(back.code, ErrorCode::over_budget);
  EXPECT_EQ(back.what, "too much");
  EXPECT_EQ(back.where, "job a");
  e.where = "job b";
  EXPECT_EQ(caught(ErrorException(e)).where, "job b") << "a place that is known already stays";
  EXPECT_STREQ(ErrorException(e).what(), "job b: error: too much");
}

TEST(Error, TakesOverForeignExceptions) {
  EXPECT_EQ(caught(std::runtime_error("bang")).text(), "job a: error: bang");
  EXPECT_EQ(caught(std::runtime_error("bang")).code, ErrorCode::internal);
  EXPECT_EQ(caught(std::filesystem::filesystem_error("no", std::error_code())).code, ErrorCode::io);
  EXPECT_EQ(caught(std::bad_alloc()).what, "no memory left");
  EXPECT_EQ(caught(7).what, "an exception of an unknown type");
}

}  // namespace
}  // namespace troupe
