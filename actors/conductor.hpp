#pragma once
// What a job does next at a step's edge. Pure: the training job's actor does it.
#include <cstdint>
#include <string>

#include "base/error.hpp"

namespace troupe {

struct EdgeView {
  bool failed = false;  // a child died, a step failed for good
  bool stop_asked = false;
  bool phase_over = false;  // the phase that was entered is done and its pictures are not drawn yet
  bool checkpoint_due = false;
  bool checkpoint_writing = false;
  bool restore_needed = false;
  bool behind = false;     // this process's copy is older than the job, whose newest ones are on other nodes
  bool away = false;       // and none of these is there now
  bool takes_part = true;  // this process computes
  bool entered = false;    // the networks stand in the phase of the next step
  bool demand_told = false;  // the supervisor knows what that phase needs, and has answered
  bool assignment_waiting = false;
  bool has_cores = false;
  bool has_state = false;          // something worth a checkpoint
  std::int64_t step = 0, end = 0;  // next step, steps of the schedule
  std::int64_t checkpointed = -1;  // step of the newest snapshot taken
};

enum class EdgeAction {
  fail,         // give everything back, name the cause
  catch_up,     // bring this process's copy up to date
  draw_phase,   // samples of the phase that is over
  snapshot,     // copy all state; it is written while steps go on
  await_write,  // nothing to do before the checkpoint is on disk
  end_stopped,
  finish,
  tell_demand,
  apply,  // the waiting assignment
  wait,   // for cores
  restore,
  enter,  // the phase of the next step
  run,
};

EdgeAction next_edge_action(const EdgeView& view);

/// Whether an error of a rank tells of others' trouble: the cause is theirs, if they name one.
bool of_others(ErrorCode code);

}  // namespace troupe
