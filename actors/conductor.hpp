#pragma once
// What a job does next at a step's edge. Pure: the training job's actor does it.
#include <cstdint>
#include <string>

namespace troupe {

struct EdgeView {
  bool failed = false;  // a child died, a step failed for good
  bool stop_asked = false;
  bool phase_over = false;  // the phase that was entered is done and its pictures are not drawn yet
  bool checkpoint_due = false;
  bool checkpoint_writing = false;
  bool restore_needed = false;
  bool entered = false;      // the networks stand in the phase of the next step
  bool demand_told = false;  // the supervisor knows what that phase needs, and has answered
  bool assignment_waiting = false;
  bool has_cores = false;
  bool has_state = false;          // something worth a checkpoint
  std::int64_t step = 0, end = 0;  // next step, steps of the schedule
  std::int64_t checkpointed = -1;  // step of the newest snapshot taken
};

enum class EdgeAction {
  fail,         // give everything back, name the cause
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

}  // namespace troupe
