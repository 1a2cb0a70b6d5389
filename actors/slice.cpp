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

/// Gives a GPU its work: no core is kept for it.
Core floating() { return {.cpu = -1}; }

void configure(SliceState& state, const std::vector<int>& ids) {
  if (state.args.of_gpu) {  // its share was taken at the edge; what it holds is charged by itself
    if (!state.slice)
      state.slice = std::make_unique<CpuSlice>(std::vector{floating()}, nullptr, state.args.thread_setup);
    return;
  }
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

/// What is there; else throws why not.
template <class T>
T must(Result<T> result) {
  if (!result) throw ErrorException(std::move(result.error()));
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

void set_up(SliceState& state) {
  if (!std::exchange(state.set_up, true) && state.args.thread_setup) state.args.thread_setup();
}

void first_share(SliceState& state, const TakeShare& m) {
  auto made = must(m.make({state.args.job, state.args.account, m.pieces, m.budget}));
  m.program->use(*made);
  state.share = std::move(made);
  state.gpu = m.gpu;
  state.program = m.program;
}

/// The host's copies of the networks are what is left.
void leave_gpu(SliceState& state) {
  if (!state.share) return;
  for (const auto& network : state.program->replicas()) (void)network->state();
  state.program->leave();
  state.share.reset();
  state.gpu.clear();
}

ShareTaken take(SliceState& state, const TakeShare& m) {
  ShareTaken taken;
  taken.outcome = outcome_of("slice of " + state.args.job, [&] {
    if (!state.args.of_gpu) throw ErrorException(Error{.what = "a slice of a CPU was given pieces of a GPU"});
    set_up(state);
    if (!m.make || m.gpu != state.gpu) leave_gpu(state);
    if (!m.make) return;
    if (state.share)
      must(state.share->take(m.pieces, m.budget));
    else if (!m.pieces.empty())
      first_share(state, m);
    if (!state.share || m.pieces.empty()) return;
    taken.sms = state.share->sms();
    taken.prepare = state.share->preparer();
  });
  taken.held = state.args.account->held();
  return taken;
}

/// The collective of the lease: a device's sums are of its memory, and the group's is what it agrees by.
std::shared_ptr<Collective> sums_of(SliceState& state, const RunSteps& order) {
  return state.share ? must(state.share->sums(order.collective)) : order.collective;
}

void show_busy(SliceState& state) {
  if (!state.share || !state.args.meter) return;
  if (const auto busy = state.share->busy_seconds()) state.args.meter->store(*busy);
}

SliceEnd run(Self self, const RunSteps& order) {
  auto& state = self->state;
  configure(state, order.cores);
  state.sent_at = 0;  // the first step of a lease is told at once: it shows a resize in force
  const auto now = [&state] { return state.args.clock->now(); };
  std::deque<StepStats> untold;
  const bool tells = order.collective->rank() == 0;
  const auto on_step = [&](const StepStats& stats) {
    show_busy(state);
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
  LoopEnd end{.next = order.lease.first, .stopped_at = now()};
  const auto failed = outcome_of("slice of " + state.args.job, [&] {
    const auto collective = sums_of(state, order);
    end = run_steps(order.lease, *state.slice, *collective, order.run, on_step, now);
  });
  if (failed.error) end.error = failed.error;
  report(self, order.report_to);
  return {std::move(end), {untold.begin(), untold.end()}};
}

}  // namespace

SliceState::~SliceState() {
  if (program) program->leave();
}

slice_actor::behavior_type slice(Self self, SliceArgs args) {
  name_exceptions(self);
  self->state.args = std::move(args);
  return {
      [self](const TakeShare& m) { return take(self->state, m); },
      [self](const Perform& m) {
        set_up(self->state);
        return outcome_of("slice of " + self->state.args.job, m.work);
      },
      [self](const EnterProgram& m) {
        return outcome_of("slice of " + self->state.args.job, [&] {
          configure(self->state, m.cores);
          AccountScope charge(self->state.args.of_gpu ? nullptr : self->state.args.account);
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
