// A training job between two edges: leases of steps to its slices.
#include "actors/gpu_choice.hpp"
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

void TrainingJob::with_slice(std::size_t index, const std::function<void(const slice_actor&)>& use) {
  if (index < slices_.size()) return use(slices_[index]);
  const auto node = args_.nodes.find(index < grants_.size() ? process_of(grants_[index].node) : home());
  if (node == args_.nodes.end())
    return fail({.code = ErrorCode::not_found,
                 .what = "no such node",
                 .where = "job " + args_.config.name,
                 .given = grants_[index].node});
  auto meter = std::make_shared<BusyMeter>(0);
  ask<slice_actor>(node->second, MakeSlice{args_.config.name, account_, meter, on_gpu()},
                   [this, use, meter](slice_actor& made) {
                     children_[made.address()] = "slice " + std::to_string(slices_.size());
                     self_->link_to(made);
                     slices_.push_back(made);
                     meters_.push_back(meter);
                     use(made);
                   });
}

/// True when there is a slice for every grant, every copy that takes part is current, and the ranks here have
/// a collective; else sees to it.
bool TrainingJob::team_stands() {
  const std::size_t here = ranks_on(home());
  if (slices_.size() < here) {
    with_slice(slices_.size(), [](const slice_actor&) {});
    return false;
  }
  const bool alone = here == grants_.size();
  if (!alone && (!fellows_stand() || !copies_stand() || !shares_stand())) return false;
  if (here == 0 || (alone ? group_epoch_ < 0 && group_.size() == here : group_epoch_ == epoch_)) return true;
  FormGroup order{static_cast<int>(here), {}, {}};
  if (!alone) order.nodes = group_of_lease();
  for (std::size_t rank = 0; !alone && rank < here; ++rank)
    order.cores.insert(order.cores.end(), grants_[rank].cores.begin(), grants_[rank].cores.end());
  ask<Group>(all_reduce_, order, [this, alone](Group& g) {
    if (g.outcome.error)
      return g.outcome.error->code == ErrorCode::bad_config ? step_failed(*g.outcome.error)
                                                            : node_trouble(*g.outcome.error);
    group_ = std::move(g.ends);
    group_epoch_ = alone ? -1 : epoch_;
  });
  return false;
}

void TrainingJob::phase_entered() {
  phase_began_ = args_.clock->now();
  phase_tally_ = {};
  measured_steps_ = 0;
  measured_before_ = false;
  predicted_ = {};
  first_told_.reset();
  look_ahead();
  auto e = event(EventKind::phase_started);
  e.held = held();
  e.budget = budget();
  tell(std::move(e));
}

void TrainingJob::run() {
  if (!std::exchange(epoch_is_new_, true)) epoch_ = args_.epochs->fetch_add(1) + 1;
  if (!team_stands()) return;
  epoch_is_new_ = false;
  control_->clear();
  std::vector<int> weights;
  for (const auto& grant : grants_) weights.push_back(static_cast<int>(grant.cores.size()));
  const auto runs = split_shards(program_->shards(), weights);
  cause_.reset();
  untold_.clear();
  state_ = JobState::running;
  ranks_running_ = static_cast<int>(ranks_on(home()) + other_nodes().size());
  note_lease(worth_waiting_for());
  run_here(runs);
  run_there(runs);
}

/// Other nodes whose copies are newer than any checkpoint, or will be.
std::vector<std::string> TrainingJob::worth_waiting_for() const {
  auto nodes = other_nodes();
  for (const auto& [node, fellow] : fellows_)
    if (fellow.open && fellow.place.step > checkpointed_ && ranks_on(node) == 0) nodes.push_back(node);
  return nodes;
}

/// Where nodes may join: an earlier head's copies are told apart by it.
void TrainingJob::note_lease(std::vector<std::string> nodes) {
  if (!args_.plane) return;
  const auto epoch = nodes.empty() && ended_ ? args_.epochs->fetch_add(1) + 1 : epoch_;
  self_->send(args_.recorder, NoteLease{args_.config.name, {epoch, step_, std::move(nodes)}});
}

void TrainingJob::run_here(const std::vector<ShardRun>& runs) {
  const std::size_t ranks = ranks_on(home());
  if (ranks == 0) return;
  load();
  const Lease lease{program_, control_, step_, program_->moment(step_).phase_end};
  for (std::size_t rank = 0; rank < ranks; ++rank) {
    RunSteps order{grants_[rank].cores, lease, group_[rank], runs[rank], steps_sink{self_}};
    self_->request(slices_[rank], caf::infinite, std::move(order))
        .then(
            [this, rank](SliceEnd& end) {
              if (rank == 0) {
                here_.step = loads_ = end.loop.next;
                begun_ = end.loop.begun;
              }
              edge_at_ = std::max(edge_at_, end.loop.stopped_at);
              // the rank that failed by itself is the cause; the others only heard of it
              if (end.loop.error && (!cause_ || of_others(cause_->code))) cause_ = end.loop.error;
              rank_ended();
            },
            [this](caf::error& e) {
              lost("a slice", e);
              rank_ended();
            });
  }
  edge_at_ = 0;
}

/// The loader goes on from where it is, unless this process's copy has jumped.
void TrainingJob::load() {
  if (loads_ == step_) return;
  loads_ = step_;
  program_->batches().restart(step_);
  self_->send(loader_, LoadFrom{program_, step_});
}

void TrainingJob::rank_ended() {
  if (--ranks_running_ > 0) return;
  if (!cause_ || !std::exchange(begun_, false)) return lease_ended();
  // no rank here touches the program any more
  ask<Outcome>(slices_.front(), RollBack{program_}, [this](Outcome& o) {
    if (o.error) fail(*o.error);
    lease_ended();
  });
}

void TrainingJob::lease_ended() {
  for (auto& [node, fellow] : fellows_)
    if (std::exchange(fellow.leased, false)) step_ = std::max(step_, fellow.place.step);
  if (ranks_on(home()) > 0) step_ = std::max(step_, here_.step);
  const bool spans = group_epoch_ >= 0 || ranks_on(home()) == 0;
  if (cause_ || spans) {  // a group of several nodes is of one lease
    group_.clear();
    group_epoch_ = -1;
  }
  tell_untold(std::move(untold_));
  if (cause_ && !error_) {
    if (spans && of_others(cause_->code))
      node_trouble(*cause_);
    else
      step_failed(*cause_);
  } else if (!cause_ && (step_ >= program_->steps() || program_->moment(step_).phase != entered_->phase)) {
    phase_over_ = true;
  }
  next();
}

void TrainingJob::ask_edge() {
  control_->request_edge();
  if (ranks_on(home()) > 0 || ranks_running_ == 0) return;
  for (const auto& [node, fellow] : fellows_)  // rank 0 is on one of them
    if (fellow.leased) self_->send(fellow.actor, StopLease{});
}

void TrainingJob::abandon(const std::string& why) {
  control_->abandon();
  if (all_reduce_) self_->send(all_reduce_, AbortGroup{why});
  for (const auto& [node, fellow] : fellows_)
    if (fellow.leased) self_->send(fellow.actor, StopLease{true});
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
  short_of_ = budget();
  memory_floor_ = Bytes{short_of_.count * 2};
  demand_told_ = false;
}

void TrainingJob::steps_done(const StepsDone& m) {
  if (ended_) return;
  if (m.gauge && fellows_.contains(m.gauge->node)) {
    fellows_[m.gauge->node].held = m.gauge->held;
    fellows_[m.gauge->node].peak = m.gauge->peak;
    gauges_[m.gauge->node] = *m.gauge;
  }
  // a copy that fell behind does steps again that were told of: to the same bits
  std::vector<StepStats> steps;
  for (const auto& s : m.steps)
    if (s.step >= told_steps_) steps.push_back(s);
  if (steps.empty()) return;
  resize_in_force(steps.front().first_shard_at);
  recovered();
  std::vector<double> seen;
  double waited = 0, lasted = 0;
  for (const auto& s : steps) {
    told_steps_ = s.step + 1;
    if (measured_steps_ >= kMeasureAfter) {
      seen.push_back(s.seconds);
      waited += s.wait_seconds;
      lasted += s.seconds;
    }
    tally_.add(s);
    phase_tally_.add(s);
    if (++measured_steps_ == kMeasureAfter) measured_seconds_ = measured_serial_ = 0;
    const double inside = (s.shard_seconds + s.reduce_seconds + s.update_seconds) / std::max(1, s.workers);
    measured_seconds_ += s.seconds;
    measured_serial_ += std::max(0.0, s.seconds - inside);
  }
  steps_seen(std::move(seen), lasted > 0 ? waited / lasted : 0);
  self_->send(args_.recorder, LossRows{args_.config.name, std::move(steps)});
  if (measured_steps_ >= kMeasureAfter + kMeasureSteps &&
      measured_seconds_ >= (measured_before_ ? kMeasureAgainSeconds : kMeasureSeconds))
    measure();
  if (args_.clock->now() - flushed_at_ >= 1) flush_tally();
  push_status(false);
}

void TrainingJob::steps_seen(std::vector<double> seconds, double waiting) {
  if (seconds.empty() || !entered_) return;
  const int phase = entered_->phase;
  std::set<std::string> nodes;
  for (const auto& grant : grants_) nodes.insert(grant.node);
  StepsSeen seen{.job = args_.config.name,
                 .phase = phase,
                 .cores = std::max(1, cores()),
                 .peak_cores = peak_cores_,
                 .seconds = std::move(seconds),
                 .waiting = waiting,
                 .at = args_.clock->now(),
                 .nodes = std::move(nodes)};
  ask_beside<Prediction>(args_.predictor, std::move(seen), [this, phase](Prediction& told) {
    if (!entered_ || entered_->phase != phase) return;
    if (!first_told_) first_told_ = told;
    first_told_->slowdown = told.slowdown;  // neighbours come and go: the newest counts
    first_told_->measured_slowdown = told.measured_slowdown;
  });
}

/// The phase's demand as seen since the last look; the supervisor plans anew with it.
void TrainingJob::measure() {
  const double steps = measured_steps_ - kMeasureAfter;
  measured_before_ = true;
  const double seconds_seen = measured_seconds_, serial_seen = measured_serial_;
  measured_steps_ = kMeasureAfter;  // warm already
  measured_seconds_ = measured_serial_ = 0;
  const int phase = entered_->phase;
  const auto question = questions_.find(phase);
  if (question == questions_.end()) return;
  self_->send(args_.predictor, Measured{args_.config.name,
                                        {.phase = phase,
                                         .cores = std::max(1, cores()),
                                         .step_seconds = seconds_seen / steps,
                                         .serial_seconds = serial_seen / steps,
                                         .peak = peak(),
                                         .peak_cores = peak_cores_}});
  ask_beside<Demand>(args_.predictor, AskDemand{args_.config.name, learned_kind(), question->second},
                     [this, phase](Demand& d) {
                       if (!entered_ || entered_->phase != phase || !demand_told_) return;
                       ask_beside<Outcome>(args_.supervisor,
                                           changed(std::move(d), std::max(step_, told_steps_)),
                                           [this](Outcome& o) {
                                             if (o.error) fail(*o.error);
                                           });
                     });
}

}  // namespace troupe
