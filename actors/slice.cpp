#include "actors/slice.hpp"

#include <deque>

namespace troupe {
namespace {

/// Between two reports to the job, seconds: a message a step would wake a thread on a core that computes.
constexpr double kReportSeconds = 0.05;

using Self = slice_actor::stateful_pointer<SliceState>;

std::vector<Core> named(const std::vector<Core>& device, const std::vector<int>& ids) {
  std::vector<Core> cores;
  for (int id : ids)
    for (const Core& core : device)
      if (core.id == id) cores.push_back(core);
  return cores;
}

void configure(SliceState& state, const std::vector<int>& ids) {
  auto cores = named(state.args.device->cores, ids);
  if (!state.slice)
    state.slice = std::make_unique<CpuSlice>(std::move(cores), state.args.account, state.args.thread_setup,
                                             state.args.meter);
  else
    state.slice->resize(std::move(cores));
}

/// Steps that another process has told of: kept for the case that it dies with them untold.
constexpr std::size_t kUntold = 256;

void report(Self self, const steps_sink& job) {
  auto& state = self->state;
  if (state.unsent.empty()) return;
  self->send(job, StepsDone{std::move(state.unsent), {}});
  state.unsent.clear();
}

SliceEnd run(Self self, const RunSteps& order) {
  auto& state = self->state;
  configure(state, order.cores);
  state.sent_at = 0;  // the first step of a lease is told at once: it shows a resize in force
  const auto now = [&state] { return state.args.clock->now(); };
  std::deque<StepStats> untold;
  const bool tells = order.collective->rank() == 0;
  const auto on_step = [&](const StepStats& stats) {
    if (!tells) {
      untold.push_back(stats);
      if (untold.size() > kUntold) untold.pop_front();
    }
    state.unsent.push_back(stats);
    if (const double t = now(); t - state.sent_at >= kReportSeconds) {
      state.sent_at = t;
      report(self, order.report_to);
    }
  };
  auto end = run_steps(order.lease, *state.slice, *order.collective, order.run, on_step, now);
  report(self, order.report_to);
  return {std::move(end), {untold.begin(), untold.end()}};
}

}  // namespace

slice_actor::behavior_type slice(Self self, SliceArgs args) {
  name_exceptions(self);
  self->state.args = std::move(args);
  return {
      [self](const EnterProgram& m) {
        return outcome_of("slice of " + self->state.args.job, [&] {
          configure(self->state, m.cores);
          AccountScope charge(self->state.args.account);
          m.program->enter(m.moment);
        });
      },
      [self](const RunSteps& m) { return run(self, m); },
      [self](const RollBack& m) {
        return outcome_of("slice of " + self->state.args.job, [&] { m.program->roll_back(); });
      },
  };
}

}  // namespace troupe
