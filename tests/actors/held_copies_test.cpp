// What a head that was started again decides by: leases, copies and loss rows, all of them values.
#include "actors/held_copies.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "actors/leases_file.hpp"
#include "actors/losses_file.hpp"
#include "actors/row_tail.hpp"
#include "tests/temp_folder.hpp"

namespace troupe {
namespace {

using test::TempFolder;

HeldCopy copy(const std::string& node, std::int64_t step, std::int64_t epoch, std::int64_t first = -1) {
  return {.node = node,
          .step = step,
          .entered = 0,
          .epoch = epoch,
          .first = first,
          .rows_from = 0,
          .rows_to = step};
}

TEST(HeldCopies, AreOfTheHistoryUnlessALaterLeaseBeganBeforeThem) {
  const std::vector<LeaseNote> leases = {{10, 0, {"a", "b"}}, {20, 50, {"a"}}, {30, 80, {"a"}}};
  EXPECT_TRUE(committed(copy("a", 95, 30), leases));
  EXPECT_TRUE(committed(copy("a", 80, 20), leases));
  EXPECT_FALSE(committed(copy("a", 81, 20), leases)) << "it took a step that the job did again without it";
  EXPECT_TRUE(committed(copy("b", 50, 10), leases));
  EXPECT_FALSE(committed(copy("b", 51, 10), leases));
  EXPECT_TRUE(committed(copy("b", 7, 0), {}));
}

TEST(HeldCopies, TheNewestOfTheHistoryIsChosen) {
  const std::vector<LeaseNote> leases = {{10, 0, {"a", "b"}}, {20, 50, {"a"}}};
  const auto chosen = choose_copy({copy("b", 53, 10), copy("a", 52, 20)}, leases, 0, 52);
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->node, "a");
  EXPECT_EQ(chosen->step, 52);
  EXPECT_TRUE(chosen->rows.empty());
}

TEST(HeldCopies, TheCheckpointIsKeptToWhereNoneIsNewer) {
  EXPECT_FALSE(choose_copy({}, {}, 0, 0));
  EXPECT_FALSE(choose_copy({copy("a", 40, 10)}, {}, 40, 40));
  EXPECT_TRUE(choose_copy({copy("a", 41, 10)}, {}, 40, 40));
  EXPECT_FALSE(choose_copy({copy("a", -1, 10)}, {}, -1, 0)) << "it holds nothing";
}

// The head died before the lease of one of them was noted.
TEST(HeldCopies, TellOfTheirOwnLeases) {
  const auto chosen = choose_copy({copy("b", 53, 10), copy("a", 52, 20, 50)}, {{10, 0, {}}}, 0, 52);
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->node, "a");
  EXPECT_FALSE(choose_copy({copy("b", 53, 10), copy("a", 50, 20, 50)}, {{10, 0, {}}}, 50, 50));
}

TEST(HeldCopies, RowsComeFromWhoeverHasThem) {
  auto a = copy("a", 100, 10), b = copy("b", 99, 10), c = copy("c", 60, 10);
  a.rows_from = 90;
  b.rows_from = 55;
  c.rows_from = 20;
  const auto chosen = choose_copy({a, b, c}, {}, 0, 30);
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->node, "a");
  EXPECT_EQ(chosen->rows, (std::vector<RowsThere>{{"c", 30, 60}, {"b", 60, 99}, {"a", 99, 100}}));
}

TEST(HeldCopies, ACopyWithoutItsRowsIsPassedOver) {
  auto a = copy("a", 100, 10), b = copy("b", 80, 10);
  a.rows_from = 90;
  const auto older = choose_copy({a, b}, {}, 10, 30);
  ASSERT_TRUE(older);
  EXPECT_EQ(older->node, "b");
  EXPECT_EQ(older->rows, (std::vector<RowsThere>{{"b", 30, 80}}));
  EXPECT_FALSE(choose_copy({a}, {}, 10, 30));
}

TEST(HeldCopies, ThoseOfTheNewestLeaseAreWaitedFor) {
  EXPECT_TRUE(awaited_nodes({}).empty());
  EXPECT_EQ(awaited_nodes({{10, 0, {"a", "b"}}, {20, 9, {"b"}}}), std::vector<std::string>{"b"});
  EXPECT_TRUE(awaited_nodes({{10, 0, {"a", "b"}}, {20, 9, {}}}).empty());
}

TEST(LeasesFile, IsReadAsItWasWritten) {
  const TempFolder folder;
  const auto file = folder / "leases.csv";
  EXPECT_TRUE(read_leases(file).value().empty());
  const std::vector<LeaseNote> leases = {{1LL << 50, 0, {}}, {(1LL << 50) + 1, 77, {"a", "b-2"}}};
  std::ofstream(file) << lease_line(leases[0]) << lease_line(leases[1]) << "12,3";
  EXPECT_EQ(read_leases(file).value(), leases) << "a line that a crash cut is none";
  EXPECT_EQ(lease_line({1, 2, {"a b", "c\n3,4,d", "e"}}), "1,2,e\n");
}

TEST(LeasesFile, ALineThatMakesNoSenseIsAnError) {
  const TempFolder folder;
  for (const char* bad : {"1,2\n", "x,2,a\n", "1,-2,a\n", ",,\n", "\n", "99999999999999999999,1,a\n"}) {
    std::ofstream(folder / "leases.csv") << "5,6,a\n" << bad;
    const auto read = read_leases(folder / "leases.csv");
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().code, ErrorCode::bad_data);
  }
}

TEST(LossesFile, CountsRowsUpToTheFirstGap) {
  const TempFolder folder;
  const auto file = folder / "losses.csv";
  EXPECT_EQ(count_losses(file), 0);
  std::ofstream(file) << "step,loss\n0,1\n1,1\n2,1\n";
  EXPECT_EQ(count_losses(file), 3);
  std::ofstream(file, std::ios::app) << "3,0.";
  EXPECT_EQ(count_losses(file), 3) << "a crash cut it";
  std::ofstream(file) << "step,loss\n0,1\n2,1\n";
  EXPECT_EQ(count_losses(file), 1);
}

StepStats row(std::int64_t step, double loss) {
  StepStats s;
  s.step = step;
  s.scores = {{"loss", loss}, {"other", 2 * loss}};
  return s;
}

TEST(RowTail, KeepsTheNewestRowsInOrder) {
  RowTail tail(3);
  for (int step = 5; step < 10; ++step) tail.append(row(step, step));
  EXPECT_EQ(tail.from(), 7);
  EXPECT_EQ(tail.to(), 10);
  const auto rows = tail.rows(0, 9, 10);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].step, 7);
  EXPECT_EQ(rows[1].scores[1].name, "other");
  EXPECT_EQ(rows[1].scores[1].value, 16);
  EXPECT_EQ(tail.rows(0, 100, 1).size(), 1U);
  tail.drop_before(9);
  EXPECT_EQ(tail.from(), 9);
  tail.drop_before(50);
  EXPECT_EQ(tail.from(), tail.to());
}

TEST(RowTail, HasEachStepOnceAndNoGap) {
  RowTail tail;
  for (int step = 0; step < 10; ++step) tail.append(row(step, step));
  tail.append(row(6, -6));  // done again
  EXPECT_EQ(tail.to(), 7);
  EXPECT_EQ(tail.rows(6, 7, 10).at(0).scores[0].value, -6);
  tail.stand_at(3);
  EXPECT_EQ(tail.from(), 0);
  EXPECT_EQ(tail.to(), 3);
  tail.stand_at(8);  // a copy that was brought there: what lies between is not known here
  EXPECT_EQ(tail.from(), 8);
  EXPECT_EQ(tail.to(), 8);
  tail.append(row(8, 8));
  EXPECT_EQ(tail.rows(0, 100, 10).size(), 1U);
}

}  // namespace
}  // namespace troupe
