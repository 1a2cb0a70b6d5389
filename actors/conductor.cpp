#include "actors/conductor.hpp"

namespace troupe {

EdgeAction next_edge_action(const EdgeView& v) {
  if (v.failed) return EdgeAction::fail;
  // it may come back with the slices that the job waits for: nothing older is made do with before
  if (v.away && !v.has_cores && !v.stop_asked) {
    if (v.assignment_waiting) return EdgeAction::apply;
    return v.demand_told ? EdgeAction::wait : EdgeAction::tell_demand;
  }
  const auto with_copy = [&v](EdgeAction action) { return v.behind ? EdgeAction::catch_up : action; };
  if (v.phase_over) return with_copy(EdgeAction::draw_phase);
  const bool last = v.stop_asked || v.step >= v.end;
  const bool unsaved = v.has_state && v.checkpointed != v.step;
  if (last && v.checkpoint_writing) return EdgeAction::await_write;
  if ((last || v.checkpoint_due) && unsaved && !v.checkpoint_writing) return with_copy(EdgeAction::snapshot);
  if (v.stop_asked) return EdgeAction::end_stopped;
  if (v.step >= v.end && !v.restore_needed) return with_copy(EdgeAction::finish);
  if (!v.demand_told) return EdgeAction::tell_demand;
  if (v.assignment_waiting) return EdgeAction::apply;
  if (!v.has_cores) return EdgeAction::wait;
  if (v.restore_needed) return EdgeAction::restore;
  if (v.behind && v.takes_part) return EdgeAction::catch_up;
  if (!v.entered) return EdgeAction::enter;
  return EdgeAction::run;
}

bool of_others(ErrorCode code) {
  return code == ErrorCode::peer_failed || code == ErrorCode::peer_missing || code == ErrorCode::interrupted;
}

}  // namespace troupe
