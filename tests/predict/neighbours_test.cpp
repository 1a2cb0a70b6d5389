#include "predict/neighbours.hpp"

#include <gtest/gtest.h>

#include "tests/predict/rates.hpp"

namespace troupe {
namespace {

class NeighboursOf : public ::testing::Test {
 protected:
  NeighboursOf() {
    rates.cores = 2;
    rates.far_share = 0.5;
  }
  Sighting steps(const std::string& job, double at, double seconds) {
    return {job, {"kind of " + job, "all", 1},   StepProfile{.far = 0.5}, {"n"},
            at,  {seconds, seconds, 9 * seconds}};
  }
  Crowding see(const Sighting& s) { return neighbours.seen(s, rates, known); }
  DeviceRates rates = testing::even_rates();
  Neighbours neighbours;
  Interference known;
};

TEST_F(NeighboursOf, NobodyAreNone) {
  for (int t = 0; t < 5; ++t) EXPECT_EQ(see(steps("a", t, 0.1)).forecast, 0);
}

TEST_F(NeighboursOf, AJobAreForetoldAndMeasuredAgainstItAlone) {
  for (int t = 0; t < 5; ++t) see(steps("a", t, 0.1));
  EXPECT_EQ(see(steps("b", 5, 0.2)).measured, 0) << "b was never seen alone";
  const auto first = see(steps("a", 5, 0.15));
  EXPECT_DOUBLE_EQ(first.forecast, 1.25);
  EXPECT_DOUBLE_EQ(first.measured, 1.5);
  EXPECT_EQ(first.learned, 0);
  see(steps("b", 5.5, 0.2));
  const auto second = see(steps("a", 6, 0.15));
  EXPECT_NEAR(second.forecast, 1.5, 1e-9) << "learned";
  EXPECT_EQ(second.learned, 1);
}

TEST_F(NeighboursOf, AJobAreGoneWhenItTellsOfNoStepsAnyMore) {
  see(steps("b", 0, 0.1));
  EXPECT_GT(see(steps("a", 1, 0.1)).forecast, 1);
  EXPECT_EQ(see(steps("a", 3, 0.1)).forecast, 0);
  see(steps("b", 10, 5));  // whose steps are long
  EXPECT_GT(see(steps("a", 20, 0.1)).forecast, 1);
}

TEST_F(NeighboursOf, AJobAreOnItsNodesAlone) {
  auto far_away = steps("b", 0, 0.1);
  far_away.nodes = {"m"};
  see(far_away);
  EXPECT_EQ(see(steps("a", 0, 0.1)).forecast, 0);
}

TEST_F(NeighboursOf, SeveralAddUpAndTeachNothing) {
  rates.cores = 3;
  rates.far_share = 0;
  for (int t = 0; t < 5; ++t) see(steps("a", t, 0.1));
  see(steps("b", 5, 0.1));
  see(steps("c", 5, 0.1));
  const auto crowded = see(steps("a", 5, 0.2));
  EXPECT_DOUBLE_EQ(crowded.forecast, 1.5);
  EXPECT_DOUBLE_EQ(crowded.measured, 2);
  EXPECT_EQ(known.measured({"kind of a", "all", 1}, {"kind of b", "all", 1}), 0);
}

TEST_F(NeighboursOf, ANewPhaseIsNotMeasuredAgainstTheOneBefore) {
  for (int t = 0; t < 5; ++t) see(steps("a", t, 0.1));
  see(steps("b", 5, 0.1));
  auto next = steps("a", 5, 0.4);
  next.who.phase = "next";
  EXPECT_EQ(see(next).measured, 0);
}

}  // namespace
}  // namespace troupe
