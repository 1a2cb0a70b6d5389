// A training job between two edges: leases of steps to its slices.
#include "actors/training_job.hpp"

namespace troupe {

namespace {
/// Steps and seconds of a phase before its demand counts as measured; the first steps warm caches up.
constexpr int kMeasureAfter = 2, kMeasureSteps = 8;
constexpr double kMeasureSeconds = 0.25;
/// Later windows are longer: a first look that something disturbed is mended, and one disturbance moves
/// nobody.
constexpr double kMeasureAgainSeconds = 3;
}  // namespace

void TrainingJob::with_slice(std::size_t index, std::function<void(const slice_actor&)> use) {
  if (index < slices_.size()) return use(slices_[index]);
  const auto node = args_.nodes.find(grants_[index].node);
  if (node == args_.nodes.end())
    return fail({.code = ErrorCode::not_found,
                 .what = "no such node",
                 .where = "job " + args_.config.name,
                 .given = grants_[index].node});
  ask<slice_actor>(node->second, MakeSlice{args_.config.name, account_}, [this, use](slice_actor& made) {
    children_[made.address()] = "slice " + std::to_string(slices_.size());
    self_->link_to(made);
    slices_.push_back(made);
    use(made);
  });
}

/// True when there is a slice for every grant and a collective of as many ends; else sees to it.
bool TrainingJob::team_stands() {
  if (slices_.size() < grants_.size()) {
    with_slice(slices_.size(), [](const slice_actor&) {});
    return false;
  }
  if (group_.size() != grants_.size()) {
    ask<Group>(all_reduce_, FormGroup{static_cast<int>(grants_.size())},
               [this](Group& g) { group_ = g.ends; });
    return false;
  }
  return true;
}

void TrainingJob::phase_entered() {
  if (!loading_) {
    loading_ = true;
    program_->batches().restart(step_);
    self_->send(loader_, LoadFrom{program_, step_});
  }
  phase_began_ = args_.clock->now();
  phase_tally_ = {};
  measured_steps_ = 0;
  measured_before_ = false;
  auto e = event(EventKind::phase_started);
  e.held = account_->held();
  e.budget = account_->budget();
  tell(std::move(e));
}

void TrainingJob::run() {
  if (!team_stands()) return;
  const Moment moment = program_->moment(step_);
  control_->clear();
  std::vector<int> weights;
  for (const auto& grant : grants_) weights.push_back(static_cast<int>(grant.cores.size()));
  const auto runs = split_shards(program_->shards(), weights);
  const Lease lease{program_, control_, step_, moment.phase_end};
  ends_.clear();
  ranks_running_ = static_cast<int>(grants_.size());
  state_ = JobState::running;
  for (std::size_t rank = 0; rank < grants_.size(); ++rank) {
    RunSteps order{grants_[rank].cores,     lease,           group_[rank], runs[rank],
                   roll_back_ && rank == 0, job_actor{self_}};
    const auto returned = [this] {
      if (--ranks_running_ == 0) lease_ended();
    };
    self_->request(slices_[rank], caf::infinite, std::move(order))
        .then(
            [this, returned](LoopEnd& end) {
              ends_.push_back(std::move(end));
              returned();
            },
            [this, returned](caf::error& e) {
              lost("a slice", e);
              returned();
            });
  }
  roll_back_ = false;
}

void TrainingJob::lease_ended() {
  edge_at_ = 0;
  const Error* cause = nullptr;
  for (const auto& end : ends_) {
    edge_at_ = std::max(edge_at_, end.stopped_at);
    step_ = std::max(step_, end.next);
    // the rank that failed by itself is the cause; the others only heard of it
    if (end.error && (cause == nullptr || cause->code == ErrorCode::peer_failed)) cause = &*end.error;
  }
  if (cause != nullptr) {
    group_.clear();
    roll_back_ = true;
    if (!error_) step_failed(*cause);
  } else if (step_ >= program_->steps() || program_->moment(step_).phase != entered_->phase) {
    phase_over_ = true;
  }
  next();
}

/// A refusal of memory that the user did not bound is answered by asking for more; all else ends the job.
void TrainingJob::step_failed(const Error& cause) {
  if (cause.code != ErrorCode::over_budget || args_.config.memory) {
    Error e = cause;
    if (e.where.find(args_.config.name) == std::string::npos)
      e.where = "job " + args_.config.name + ", " + e.where;
    return fail(std::move(e));
  }
  auto warning = event(EventKind::warning);
  warning.text = "asks for more memory: " + cause.text();
  tell(std::move(warning));
  refused_ = cause;
  short_of_ = account_->budget();
  memory_floor_ = Bytes{short_of_.count * 2};
  demand_told_ = false;
}

void TrainingJob::steps_done(const StepsDone& m) {
  if (ended_ || m.steps.empty()) return;
  resize_in_force(m.steps.front().first_shard_at);
  for (const auto& s : m.steps) {
    told_steps_ = s.step + 1;
    tally_.add(s);
    phase_tally_.add(s);
    if (++measured_steps_ == kMeasureAfter) measured_seconds_ = measured_serial_ = 0;
    const double inside = (s.shard_seconds + s.reduce_seconds + s.update_seconds) / std::max(1, s.workers);
    measured_seconds_ += s.seconds;
    measured_serial_ += std::max(0.0, s.seconds - inside);
  }
  busy_seconds_ = m.busy_seconds;
  self_->send(args_.recorder, LossRows{args_.config.name, m.steps});
  if (measured_steps_ >= kMeasureAfter + kMeasureSteps &&
      measured_seconds_ >= (measured_before_ ? kMeasureAgainSeconds : kMeasureSeconds))
    measure();
  if (args_.clock->now() - flushed_at_ >= 1) flush_tally();
  push_status(false);
}

/// The phase's demand as seen since the last look; the supervisor plans anew with it.
void TrainingJob::measure() {
  const double steps = measured_steps_ - kMeasureAfter;
  measured_before_ = true;
  const double seconds_seen = measured_seconds_, serial_seen = measured_serial_;
  measured_steps_ = kMeasureAfter;  // warm already
  measured_seconds_ = measured_serial_ = 0;
  const int phase = entered_->phase;
  const double seconds = program_->relative_seconds(phase), bytes = program_->relative_bytes(phase);
  self_->send(args_.predictor, Measured{args_.config.name,
                                        {.phase = phase,
                                         .cores = std::max(1, cores()),
                                         .step_seconds = seconds_seen / steps,
                                         .serial_seconds = serial_seen / steps,
                                         .peak = account_->peak()},
                                        seconds,
                                        bytes});
  ask_beside<Demand>(
      args_.predictor, AskDemand{args_.config.name, phase, entered_->phase_name, seconds, bytes},
      [this, phase](Demand& d) {
        if (!entered_ || entered_->phase != phase || !demand_told_) return;
        d.bytes = std::max(d.bytes, memory_floor_);
        ask_beside<Outcome>(args_.supervisor,
                            DemandChanged{args_.config.name, d, account_->held(), program_->shards()},
                            [this](Outcome& o) {
                              if (o.error) fail(*o.error);
                            });
      });
}

}  // namespace troupe
