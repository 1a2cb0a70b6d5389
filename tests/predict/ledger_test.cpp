#include "predict/ledger.hpp"

#include <gmock/gmock.h>

#include "tests/predict/jobs.hpp"

namespace troupe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using troupe::testing::cores_of;
using troupe::testing::device;
using troupe::testing::job;

void answer_all(Ledger& ledger) {
  for (int round = 0; round < 100; ++round) {
    const auto moves = ledger.advance();
    if (moves.empty()) return;
    for (const auto& move : moves) ledger.applied(move.job, move.grants);
  }
  FAIL() << "the plan does not settle";
}

void demand(Ledger& ledger, const std::string& name, double parallel_seconds, Bytes bytes = mib(100)) {
  ledger.set_demand(name, {"phase", bytes, 0, parallel_seconds, true});
}

struct GanBesideSmall : ::testing::Test {
  GanBesideSmall() {
    ledger.add_device(device("local", 2));
    EXPECT_TRUE(ledger.add_job(job("gan", {.priority = 10, .max = 2, .parallel_seconds = 0.01})));
    EXPECT_TRUE(ledger.add_job(job("small", {.order = 1, .max = 2, .parallel_seconds = 1})));
    ledger.set_held("small", mib(20));
  }
  Ledger ledger;
};

TEST_F(GanBesideSmall, SmallParksWhenTheGanGrowsAndGetsEverythingAfterIt) {
  answer_all(ledger);
  EXPECT_EQ(cores_of(ledger.in_force("gan")), 1);
  EXPECT_EQ(cores_of(ledger.in_force("small")), 1);

  demand(ledger, "gan", 0.3);
  auto moves = ledger.advance();
  ASSERT_EQ(moves.size(), 1u);  // the gan can't grow before the other one has let go
  EXPECT_EQ(moves[0].job, "small");
  EXPECT_THAT(moves[0].grants, IsEmpty());
  EXPECT_THAT(moves[0].reason, HasSubstr("gan (priority 10) holds 2 of 2"));
  EXPECT_THAT(ledger.advance(), IsEmpty());
  ledger.applied("small", {});
  moves = ledger.advance();
  ASSERT_EQ(moves.size(), 1u);
  EXPECT_EQ(moves[0].job, "gan");
  ledger.applied("gan", moves[0].grants);
  EXPECT_EQ(cores_of(ledger.in_force("gan")), 2);

  ledger.remove_job("gan");
  answer_all(ledger);
  EXPECT_EQ(cores_of(ledger.in_force("small")), 2);
}

TEST_F(GanBesideSmall, NothingMovesWithoutACause) {
  answer_all(ledger);
  demand(ledger, "gan", 0.02);
  EXPECT_THAT(ledger.advance(), IsEmpty());
}

TEST_F(GanBesideSmall, AStrayAnswerChangesNothing) {
  answer_all(ledger);
  const auto before = ledger.in_force("small");
  ledger.applied("small", {Grant{"local", {0, 1}, gib(1)}});
  ledger.applied("nobody", {});
  EXPECT_EQ(ledger.in_force("small"), before);
  demand(ledger, "gan", 0.3);
  ledger.advance();
  ledger.applied("small", {Grant{"local", {0, 1}, gib(1)}});  // cores that are not its own
  EXPECT_EQ(ledger.in_force("small"), before);
  EXPECT_TRUE(ledger.pending("small"));
}

TEST_F(GanBesideSmall, ACoreOfAJobThatHasNotAnsweredIsNotFree) {
  auto moves = ledger.advance();
  ASSERT_EQ(moves.size(), 2u);
  ledger.remove_job("small");
  moves = ledger.advance();  // the gan has not answered: it is left alone
  EXPECT_THAT(moves, IsEmpty());
  EXPECT_TRUE(ledger.pending("gan"));
}

TEST_F(GanBesideSmall, APinHoldsUntilItIsTakenBack) {
  answer_all(ledger);
  ASSERT_TRUE(ledger.pin("small", 2, std::nullopt));
  answer_all(ledger);
  EXPECT_EQ(cores_of(ledger.in_force("small")), 0);  // the gan's core is the gan's
  ASSERT_TRUE(ledger.pin("small", 0, mib(300)));
  answer_all(ledger);
  ASSERT_EQ(cores_of(ledger.in_force("small")), 1);
  EXPECT_EQ(ledger.in_force("small")[0].memory, mib(300));
  ASSERT_TRUE(ledger.pin("small", std::nullopt, Bytes{}));
  answer_all(ledger);
  EXPECT_EQ(ledger.in_force("small")[0].memory, ledger.jobs().at("small").demand.bytes);
}

TEST_F(GanBesideSmall, APinThatCanNotBeIsRefused) {
  EXPECT_EQ(ledger.pin("nobody", 1, std::nullopt).error().code, ErrorCode::not_found);
  EXPECT_EQ(ledger.pin("gan", 3, std::nullopt).error().code, ErrorCode::no_capacity);
  EXPECT_EQ(ledger.pin("gan", -1, std::nullopt).error().code, ErrorCode::no_capacity);
  EXPECT_EQ(ledger.pin("gan", std::nullopt, gib(9)).error().code, ErrorCode::no_capacity);
  EXPECT_EQ(ledger.pin("small", std::nullopt, mib(10)).error().code, ErrorCode::bad_usage);
}

TEST_F(GanBesideSmall, AJobThatCanNeverRunIsRefused) {
  EXPECT_EQ(ledger.add_job(job("gan")).error().code, ErrorCode::bad_usage);
  EXPECT_EQ(ledger.add_job(job("wide", {.min = 3, .max = 3})).error().code, ErrorCode::no_capacity);
  EXPECT_EQ(ledger.add_job(job("odd", {.min = 2, .max = 1})).error().code, ErrorCode::bad_config);
  auto walled = job("walled");
  walled.memory = gib(9);
  EXPECT_EQ(ledger.add_job(walled).error().code, ErrorCode::no_capacity);
  EXPECT_EQ(ledger.jobs().size(), 2u);
}

TEST(Ledger, MemoryMovesOnlyWhereItIsFree) {
  Ledger ledger;
  ledger.add_device(device("n", 2, gib(1)));
  ASSERT_TRUE(ledger.add_job(job("a", {.priority = 1, .bytes = mib(300)})));
  ASSERT_TRUE(ledger.add_job(job("b", {.bytes = mib(700)})));
  answer_all(ledger);
  demand(ledger, "a", 0, mib(600));
  demand(ledger, "b", 0, mib(400));
  auto moves = ledger.advance();
  ASSERT_EQ(moves.size(), 1u);  // b shrinks first
  EXPECT_EQ(moves[0].job, "b");
  ledger.applied("b", moves[0].grants);
  moves = ledger.advance();
  ASSERT_EQ(moves.size(), 1u);
  EXPECT_THAT(moves[0].grants, ElementsAre(Grant{"n", {0}, mib(600)}));
}

TEST(Ledger, CoresAgainstMemoryIsNoDeadlock) {
  Ledger ledger;
  ledger.add_device(device("n", 3, gib(1)));
  ASSERT_TRUE(ledger.add_job(job("a", {.priority = 1, .max = 2, .bytes = mib(600)})));
  ASSERT_TRUE(ledger.add_job(job("b", {.max = 2, .bytes = mib(400), .parallel_seconds = 0.1})));
  ASSERT_TRUE(ledger.pin("a", 1, std::nullopt));
  answer_all(ledger);
  ASSERT_EQ(cores_of(ledger.in_force("b")), 2);
  demand(ledger, "a", 0, mib(300));     // a: more cores, less memory
  demand(ledger, "b", 0.01, mib(700));  // b: the other way round
  ASSERT_TRUE(ledger.pin("a", 2, std::nullopt));
  ASSERT_TRUE(ledger.pin("b", 1, std::nullopt));
  answer_all(ledger);
  EXPECT_EQ(ledger.in_force("a"), ledger.plan().jobs.at("a").grants);
  EXPECT_EQ(ledger.in_force("b"), ledger.plan().jobs.at("b").grants);
  EXPECT_EQ(cores_of(ledger.in_force("a")), 2);
}

TEST(Ledger, AJobOfManySlicesStartsOnThoseThatAreFree) {
  Ledger ledger;
  ledger.add_device(device("n", 4));
  ASSERT_TRUE(ledger.add_job(job("low", {.max = 1, .bytes = mib(10)})));
  answer_all(ledger);
  ASSERT_TRUE(ledger.add_job(job(
      "wide", {.priority = 1, .min = 2, .max = 4, .slices = 4, .bytes = mib(400), .parallel_seconds = 1})));
  const auto moves = ledger.advance();
  ASSERT_EQ(moves.size(), 2u);
  EXPECT_EQ(moves[0].job, "low");
  EXPECT_EQ(cores_of(moves[1].grants), 3);
  EXPECT_EQ(troupe::testing::bytes_of(moves[1].grants).count, mib(400).count / 3 * 3);
  EXPECT_THAT(moves[1].reason, HasSubstr("the rest follows"));
  for (const auto& move : moves) ledger.applied(move.job, move.grants);
  answer_all(ledger);
  EXPECT_EQ(cores_of(ledger.in_force("wide")), 4);
}

TEST(Ledger, AJobGoesOnWithWhatIsLeftWhenANodeIsLost) {
  Ledger ledger;
  ledger.add_device(device("a", 2));
  ledger.add_device(device("b", 2));
  ASSERT_TRUE(ledger.add_job(job("wide", {.min = 1, .max = 4, .slices = 2, .parallel_seconds = 1})));
  const auto first = ledger.advance();
  ASSERT_EQ(first.size(), 1u);
  ASSERT_EQ(cores_of(first[0].grants), 4);
  ledger.applied("wide", first[0].grants);

  ledger.remove_device("b");
  ASSERT_EQ(cores_of(ledger.in_force("wide")), 2);
  for (const auto& move : ledger.advance()) ledger.applied(move.job, move.grants);
  for (const auto& grant : ledger.in_force("wide")) EXPECT_EQ(grant.node, "a");
  EXPECT_EQ(cores_of(ledger.in_force("wide")), 2);

  ledger.add_device(device("b", 2));
  for (const auto& move : ledger.advance()) ledger.applied(move.job, move.grants);
  EXPECT_EQ(cores_of(ledger.in_force("wide")), 4);
}

TEST(Ledger, AnAnswerToWhatANodesLossCutShortIsTaken) {
  Ledger ledger;
  ledger.add_device(device("a", 1));
  ledger.add_device(device("b", 1));
  ASSERT_TRUE(ledger.add_job(job("wide", {.min = 1, .max = 2, .slices = 2, .parallel_seconds = 1})));
  auto sent = ledger.advance();
  ASSERT_EQ(sent.size(), 1u);
  ledger.remove_device("b");
  ledger.applied("wide", sent[0].grants);  // as it was sent: it names a node that is gone
  EXPECT_FALSE(ledger.pending("wide"));
  EXPECT_EQ(cores_of(ledger.in_force("wide")), 1);
}

}  // namespace
}  // namespace troupe
