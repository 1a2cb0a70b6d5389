#include "predict/demand_table.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace troupe {
namespace {

TEST(DemandTable, GuessesBytesAndNoTimeBeforeAnythingWasMeasured) {
  const DemandTable table;
  const auto demand = table.demand(2, "16x16", 30, 4);
  EXPECT_EQ(demand.bytes, gib(1));
  EXPECT_FALSE(demand.measured);
  EXPECT_EQ(demand.step_seconds(1), 0);
  EXPECT_EQ(demand.phase, "16x16");
}

TEST(DemandTable, TellsWhatWasMeasuredInThePhase) {
  DemandTable table;
  table.measured({1, 2, 0.06, 0.01, mib(100)}, 4, 2);
  const auto demand = table.demand(1, "8x8", 4, 2);
  EXPECT_TRUE(demand.measured);
  EXPECT_DOUBLE_EQ(demand.step_seconds(2), 0.06);
  EXPECT_DOUBLE_EQ(demand.step_seconds(1), 0.11);
  EXPECT_EQ(demand.bytes, mib(125 + 32));
}

TEST(DemandTable, ScalesFromTheLastPhaseBefore) {
  DemandTable table;
  table.measured({0, 1, 0.01, 0, mib(10)}, 1, 1);
  table.measured({1, 1, 0.05, 0.01, mib(40)}, 4, 2);
  table.measured({3, 1, 9, 0, gib(1)}, 64, 8);
  const auto demand = table.demand(2, "16x16", 16, 4);
  EXPECT_FALSE(demand.measured);
  EXPECT_DOUBLE_EQ(demand.step_seconds(1), 0.01 + 0.04 * 4);
  EXPECT_EQ(demand.bytes, mib(100 + 32));
}

TEST(DemandTable, KeepsTheHighestPeakAndIsNotMovedBySmallChanges) {
  DemandTable table;
  table.measured({0, 1, 0.100, 0, mib(100)}, 1, 1);
  table.measured({0, 1, 0.105, 0, mib(80)}, 1, 1);
  EXPECT_DOUBLE_EQ(table.demand(0, "4x4", 1, 1).step_seconds(1), 0.100);
  EXPECT_EQ(table.demand(0, "4x4", 1, 1).bytes, mib(125 + 32));
  table.measured({0, 1, 0.200, 0, mib(120)}, 1, 1);
  EXPECT_DOUBLE_EQ(table.demand(0, "4x4", 1, 1).step_seconds(1), 0.200);
  EXPECT_EQ(table.demand(0, "4x4", 1, 1).bytes, mib(150 + 32));
}

TEST(DemandTable, PassesOverWhatHasNoMeaning) {
  DemandTable table;
  table.measured({0, 0, 0.1, 0, mib(1)}, 1, 1);
  table.measured({0, 1, std::nan(""), 0, mib(1)}, 1, 1);
  table.measured({0, 1, -1, 0, mib(1)}, 1, 1);
  EXPECT_FALSE(table.demand(0, "4x4", 1, 1).measured);
}

}  // namespace
}  // namespace troupe
