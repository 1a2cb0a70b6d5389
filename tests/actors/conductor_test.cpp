#include "actors/conductor.hpp"

#include <gtest/gtest.h>

namespace troupe {
namespace {

EdgeView running() {
  EdgeView v;
  v.entered = v.demand_told = v.has_cores = v.has_state = true;
  v.step = 10;
  v.end = 100;
  return v;
}

TEST(Conductor, RunsWhenNothingElseIsToBeDone) { EXPECT_EQ(next_edge_action(running()), EdgeAction::run); }

TEST(Conductor, AFailureGoesBeforeEverything) {
  auto v = running();
  v.failed = v.stop_asked = v.phase_over = v.assignment_waiting = true;
  EXPECT_EQ(next_edge_action(v), EdgeAction::fail);
}

TEST(Conductor, StoppingSavesFirstThenWaitsForTheDiskThenEnds) {
  auto v = running();
  v.stop_asked = true;
  EXPECT_EQ(next_edge_action(v), EdgeAction::snapshot);
  v.checkpointed = v.step;
  v.checkpoint_writing = true;
  EXPECT_EQ(next_edge_action(v), EdgeAction::await_write);
  v.checkpoint_writing = false;
  EXPECT_EQ(next_edge_action(v), EdgeAction::end_stopped);
}

TEST(Conductor, StoppingAJobThatNeverRanEndsAtOnce) {
  EdgeView v;
  v.end = 100;
  v.stop_asked = true;
  EXPECT_EQ(next_edge_action(v), EdgeAction::end_stopped);
}

TEST(Conductor, AStopWhileAnOlderCheckpointIsWrittenWaitsAndThenSavesItsOwn) {
  auto v = running();
  v.stop_asked = v.checkpoint_writing = true;
  v.checkpointed = 5;
  EXPECT_EQ(next_edge_action(v), EdgeAction::await_write);
  v.checkpoint_writing = false;
  EXPECT_EQ(next_edge_action(v), EdgeAction::snapshot);
}

TEST(Conductor, ADueCheckpointNeverHoldsUpStepsForTheOneBeingWritten) {
  auto v = running();
  v.checkpoint_due = v.checkpoint_writing = true;
  EXPECT_EQ(next_edge_action(v), EdgeAction::run);
}

TEST(Conductor, APhaseThatIsOverIsDrawnBeforeTheNetworksGrow) {
  auto v = running();
  v.phase_over = true;
  v.entered = v.demand_told = false;
  v.assignment_waiting = true;
  EXPECT_EQ(next_edge_action(v), EdgeAction::draw_phase);
}

TEST(Conductor, ANewPhaseIsAskedForThenAppliedThenEntered) {
  auto v = running();
  v.entered = v.demand_told = false;
  EXPECT_EQ(next_edge_action(v), EdgeAction::tell_demand);
  v.demand_told = true;
  v.assignment_waiting = true;
  EXPECT_EQ(next_edge_action(v), EdgeAction::apply);
  v.assignment_waiting = false;
  EXPECT_EQ(next_edge_action(v), EdgeAction::enter);
}

TEST(Conductor, WhileTheNewestCopyIsAwayNothingOlderIsMadeDoWith) {
  auto v = running();
  v.behind = v.away = true;
  v.takes_part = v.has_cores = false;
  v.checkpoint_due = v.phase_over = true;
  EXPECT_EQ(next_edge_action(v), EdgeAction::wait) << "for the node to come back";
  v.demand_told = false;
  EXPECT_EQ(next_edge_action(v), EdgeAction::tell_demand) << "or it would get nothing to wait for";
  v.assignment_waiting = true;
  EXPECT_EQ(next_edge_action(v), EdgeAction::apply);
  v.assignment_waiting = false;
  v.demand_told = v.has_cores = true;
  EXPECT_EQ(next_edge_action(v), EdgeAction::catch_up) << "the slices are a node's that may have kept it";
  v.has_cores = false;
  v.stop_asked = true;
  EXPECT_EQ(next_edge_action(v), EdgeAction::catch_up) << "who stops takes what is left";
}

TEST(Conductor, WithoutCoresItWaits) {
  auto v = running();
  v.has_cores = false;
  EXPECT_EQ(next_edge_action(v), EdgeAction::wait);
}

TEST(Conductor, ARestoreComesBeforeEnteringAndBeforeFinishing) {
  auto v = running();
  v.restore_needed = true;
  v.entered = v.has_state = false;
  EXPECT_EQ(next_edge_action(v), EdgeAction::restore);
  v.step = v.end;
  EXPECT_EQ(next_edge_action(v), EdgeAction::restore);
}

TEST(Conductor, TheEndIsSavedThenFinished) {
  auto v = running();
  v.step = v.end;
  EXPECT_EQ(next_edge_action(v), EdgeAction::snapshot);
  v.checkpointed = v.step;
  EXPECT_EQ(next_edge_action(v), EdgeAction::finish);
}

}  // namespace
}  // namespace troupe
