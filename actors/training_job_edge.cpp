// A training job at a step's edge: one action at a time, until a lease runs or there is nothing to do.
#include "actors/training_job.hpp"
#include "base/hash.hpp"
#include "base/version.hpp"

namespace troupe {

namespace {
constexpr int kGridColumns = 10;
constexpr std::int64_t kSampleSeed = 1;
}  // namespace

EdgeView TrainingJob::view() const {
  EdgeView v;
  v.failed = error_.has_value();
  v.stop_asked = !stops_.empty();
  v.phase_over = phase_over_;
  v.checkpoint_due = checkpoint_due_;
  v.checkpoint_writing = checkpoint_writing_;
  v.restore_needed = found_.has_value();
  const int phase = program_ ? program_->moment(step_).phase : -1;
  v.entered = entered_ && entered_->phase == phase && (ranks_on(home()) == 0 || shards_phase_ == phase);
  v.behind = behind();
  v.away = v.behind && !holder();
  v.takes_part = ranks_on(home()) > 0;
  v.demand_told = demand_told_;
  v.assignment_waiting = assignment_.has_value();
  v.has_cores = !grants_.empty();
  v.has_state = has_state_;
  v.step = step_;
  v.end = program_ ? program_->steps() : 1;
  v.checkpointed = checkpointed_;
  return v;
}

void TrainingJob::next() {
  if (ended_ || asking_ > 0 || ranks_running_ > 0 || (!silent_.empty() && !error_)) return;
  if (!program_ && !error_) return;
  if (returning_ && !error_) return weigh_copies();
  if (!leaving_.empty() && !error_) return leave();
  act(next_edge_action(view()));
}

void TrainingJob::act(EdgeAction action) {
  switch (action) {
    case EdgeAction::fail:
      return end(JobState::failed);
    case EdgeAction::catch_up:
      return bring_here();
    case EdgeAction::draw_phase:
      return draw_phase();
    case EdgeAction::snapshot:
      return snapshot();
    case EdgeAction::await_write:
      return;
    case EdgeAction::end_stopped:
      return end(JobState::stopped);
    case EdgeAction::finish:
      return finish();
    case EdgeAction::tell_demand:
      return tell_demand();
    case EdgeAction::apply:
      return apply();
    case EdgeAction::wait:
      return;
    case EdgeAction::restore:
      return restore();
    case EdgeAction::enter:
      return enter();
    case EdgeAction::run:
      return run();
  }
}

void TrainingJob::draw_phase() {
  phase_over_ = false;
  checkpoint_due_ = true;
  demand_told_ = false;
  flush_tally();
  auto over = event(EventKind::phase_finished);
  over.phase = entered_->phase_name;
  over.resolution = entered_->resolution;
  over.peak = peak();
  over.seconds = args_.clock->now() - phase_began_;
  over.images = phase_tally_.steps * program_->images_per_step();
  phases_.push_back({over.phase, over.peak, predicted_.bytes, over.seconds, over.images});
  tell(std::move(over));
  // the last step of the phase that is over: the networks still stand in it
  const Moment moment = program_->moment(step_ - 1);
  struct Drawing {
    WritePicture picture;
    int left = 0;
  };
  auto d = std::make_shared<Drawing>();
  d->picture = {
      args_.config.name, args_.run / args_.config.name / "grids" / (moment.phase_name + ".png"), {}, 64};
  d->picture.rows.resize(replicas_.size() + 1);
  const auto networks = program_->replicas();
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    if (!networks[i]->makes_images()) continue;
    ++d->left;
    ask<Samples>(replicas_[i], MakeSamples{kGridColumns, kSampleSeed, moment},
                 [this, d, i, moment](Samples& s) {
                   if (s.outcome.error) {
                     auto warning = event(EventKind::warning);
                     warning.text = "no samples: " + s.outcome.error->text();
                     tell(std::move(warning));
                   }
                   d->picture.rows[i] = std::move(s.images);
                   if (--d->left > 0) return;
                   d->picture.rows.back() = program_->real_images(kGridColumns, moment);
                   std::erase_if(d->picture.rows, [](const auto& row) { return row.empty(); });
                   if (!d->picture.rows.empty()) self_->send(args_.recorder, std::move(d->picture));
                 });
  }
  if (asking_ == 0) next();
}

void TrainingJob::snapshot() {
  checkpoint_due_ = false;
  checkpointed_ = step_;
  const auto step = step_;
  checkpoint_writing_ = true;
  checkpoint_last_ = !stops_.empty() || step_ >= program_->steps();
  ask_replicas<Outcome>(TakeSnapshot{step}, [this](std::size_t, Outcome& o) {
    if (o.error) fail(*o.error);
  });
  // Every row of a step before the checkpoint is on disk before the checkpoint is.
  ask_beside<Outcome>(args_.recorder, FlushRecords{}, [this, step](Outcome& flushed) {
    if (flushed.error) return not_saved(step, *flushed.error);
    saved_ = std::max(saved_, step);
    ask_beside<CheckpointFolder>(checkpointer_, BeginCheckpoint{step}, [this, step](CheckpointFolder& f) {
      if (f.outcome.error) return not_saved(step, *f.outcome.error);
      write_checkpoint(step, f.folder);
    });
  });
}

/// The steps go on: the next checkpoint may fit. After the last one there is none: what it should have held
/// must not be lost in silence.
void TrainingJob::not_saved(std::int64_t step, const Error& why) {
  checkpoint_writing_ = false;
  if (checkpointed_ == step) checkpointed_ = -1;
  if (checkpoint_last_) {
    Error error = why;
    error.what = "the last checkpoint could not be written: " + why.what;
    error.hint += (why.hint.empty() ? "" : ". ") +
                  std::string("Then `troupe resume` goes on from the newest checkpoint that is whole");
    return fail(std::move(error));
  }
  auto warning = event(EventKind::warning);
  warning.step = step;
  warning.text = "no checkpoint: " + why.text();
  tell(std::move(warning));
  next();
}

void TrainingJob::write_checkpoint(std::int64_t step, const std::filesystem::path& folder) {
  struct Writing {
    CommitCheckpoint commit;
    std::optional<Error> error;
    std::size_t left = 0;
    double began = 0;
  };
  auto w = std::make_shared<Writing>();
  w->left = replicas_.size();
  w->began = args_.clock->now();
  w->commit.manifest = {.job = args_.config.name,
                        .kind = args_.config.kind,
                        .version = kVersion,
                        .step = step,
                        .phase = program_->moment(std::max<std::int64_t>(step - 1, 0)).phase_name,
                        .config_hash = config_hash(args_.config, program_->data_identity()),
                        .unix_time = args_.clock->unix_time(),
                        .files = {}};
  const auto done = [this, w, step](const CheckpointWritten& written) {
    checkpoint_writing_ = false;
    auto e = event(EventKind::checkpoint_written);
    e.step = step;
    e.text = newest_checkpoint_ = written.folder.string();
    e.seconds = args_.clock->now() - w->began;
    e.bytes = written.bytes;
    tell(std::move(e));
    next();
  };
  for (const auto& network : replicas_)
    ask_beside<Written>(network, WriteSnapshot{step, folder}, [this, w, step, done](Written& file) {
      if (file.outcome.error && !w->error) w->error = file.outcome.error;
      w->commit.files.push_back(file.file);
      if (--w->left > 0) return;
      if (w->error) {
        // answered before the job may end: its end would overtake the message
        return ask_beside<Outcome>(checkpointer_, DiscardCheckpoint{step},
                                   [this, w, step](Outcome&) { not_saved(step, *w->error); });
      }
      ask_beside<CheckpointWritten>(checkpointer_, w->commit, [this, step, done](CheckpointWritten& c) {
        if (c.outcome.error) return not_saved(step, *c.outcome.error);
        done(c);
      });
    });
}

void TrainingJob::finish() {
  if (finishing_) {
    hash_ = hex(hash_bytes(hashes_.data(), hashes_.size() * sizeof(std::uint64_t)));
    return end(JobState::finished);
  }
  finishing_ = true;
  hashes_.resize(replicas_.size());
  ask_replicas<StateHash>(AskHash{}, [this](std::size_t i, StateHash& h) { hashes_[i] = h.value; });
  const Moment moment = program_->moment(std::max<std::int64_t>(step_ - 1, 0));
  const auto networks = program_->replicas();
  for (std::size_t i = 0; i < replicas_.size() && args_.config.samples > 0; ++i) {
    if (!networks[i]->makes_images()) continue;
    ask<Samples>(replicas_[i], MakeSamples{args_.config.samples, kSampleSeed + 1, moment},
                 [this, i](Samples& s) {
                   if (!s.outcome.error)
                     self_->send(args_.recorder,
                                 WriteImages{args_.config.name, args_.run / args_.config.name / "samples",
                                             program_->replicas()[i]->name(), std::move(s.images)});
                 });
  }
}

/// What the supervisor is told: no less than a refusal has shown to be needed.
DemandChanged TrainingJob::changed(Demand demand, std::int64_t step) const {
  demand.bytes = std::max(demand.bytes, memory_floor_);
  return {args_.config.name, std::move(demand), held(), program_->shards(), steps_left(step)};
}

void TrainingJob::tell_demand() {
  const Moment moment = program_->moment(step_);
  const auto question = questions_.find(moment.phase);
  if (question == questions_.end()) {  // then this comes again
    return ask<Forecast>(forecaster_, AskForecast{program_, moment.phase},
                         [this, moment](Forecast& f) { forecast_told(moment, f); });
  }
  ask<Demand>(args_.predictor, AskDemand{args_.config.name, learned_kind(), question->second},
              [this](Demand& d) {
                ask<Outcome>(args_.supervisor, changed(std::move(d), step_), [this](Outcome& o) {
                  if (o.error) return fail(*o.error);
                  demand_told_ = true;
                  // no more memory is to be had; who lost its slice is told later what it gets
                  if (refused_ && !assignment_ && !grants_.empty()) fail(*refused_);
                });
              });
}

/// Beside the steps of the phase before it: an edge has no time for it.
void TrainingJob::look_ahead() {
  if (entered_->phase_end >= program_->steps()) return;
  const Moment next = program_->moment(entered_->phase_end);
  if (questions_.contains(next.phase)) return;
  ask_beside<Forecast>(forecaster_, AskForecast{program_, next.phase},
                       [this, next](Forecast& f) { forecast_told(next, f); });
}

void TrainingJob::forecast_told(const Moment& of, const Forecast& forecast) {
  for (const auto& trouble : forecast.troubles) {
    auto warning = event(EventKind::warning);
    warning.text = trouble.text();
    tell(std::move(warning));
  }
  questions_[of.phase] = {
      of.phase,       of.phase_name, program_->relative_seconds(of.phase), program_->relative_bytes(of.phase),
      forecast.phase, forecast.rates};
}

void TrainingJob::apply() {
  const Assignment a = *std::exchange(assignment_, std::nullopt);
  const int before = cores();
  const std::size_t ranks_before = ranks_on(home());
  grants_ = a.grants;
  order_grants();
  reason_ = a.reason;
  if (ranks_on(home()) != ranks_before) group_.clear();
  // a copy that takes no part is no slice: it keeps what its networks need
  account_->set_budget(grants_.empty()        ? account_->held()
                       : ranks_on(home()) > 0 ? budget_on(home())
                                              : kNoWall);
  epoch_is_new_ = false;
  if (cores() != before) {
    auto e = event(EventKind::resize_decided);
    e.cores_asked = cores();
    e.text = a.reason;
    tell(std::move(e));
    decided_at_ = a.decided_at;
    if (grants_.empty()) in_force_.clear();
    tell_slices();
    measured_steps_ = 0;
    measured_before_ = false;
  }
  peak_cores_ = std::max(peak_cores_, cores());
  on_gpu() ? take_share(a, before) : in_place(a, before);
}

/// before: its cores until now.
void TrainingJob::in_place(const Assignment& a, int before) {
  state_ = grants_.empty() ? (has_state_ ? JobState::parked : JobState::waiting) : JobState::running;
  if (grants_.empty() && before > 0) {
    decided_at_.reset();
    tell(event(EventKind::job_parked));
  } else if (before == 0 && !grants_.empty()) {
    tell(event(EventKind::job_started));
  }
  self_->send(args_.supervisor, Applied{args_.config.name, a.grants, held()});
  push_status(true);
  if (refused_ && !grants_.empty()) {
    if (budget() <= short_of_) return fail(*refused_);
    refused_.reset();
  }
  next();
}

void TrainingJob::restore() {
  const Moment before = program_->moment(std::max<std::int64_t>(step_ - 1, 0));
  const auto found = *std::exchange(found_, std::nullopt);
  ask_replicas<Outcome>(Restore{found.dir, before}, [this, before](std::size_t, Outcome& o) {
    if (o.error) return fail(*o.error);
    has_state_ = true;
    checkpointed_ = step_;
    here_ = {step_, before.step};
  });
  auto e = event(EventKind::resumed);
  e.text = found.dir.string();
  tell(std::move(e));
}

void TrainingJob::enter() {
  const Moment moment = program_->moment(step_);
  account_->reset_peak();
  peak_cores_ = std::max(1, cores());
  account_->set_phase(moment.phase_name);
  if (ranks_on(home()) == 0) {  // the nodes' copies enter with their lease
    entered_ = moment;
    has_state_ = true;
    return phase_entered(), next();
  }
  auto left = std::make_shared<std::size_t>(replicas_.size());
  ask_replicas<Outcome>(EnterPhase{moment}, [this, moment, left](std::size_t, Outcome& o) {
    if (o.error && !refused_) step_failed(*o.error);
    if (--*left > 0 || refused_ || error_) return;
    has_state_ = true;
    here_ = {step_, step_};
    with_slice(0, [this, moment](const slice_actor& first) {
      ask<Outcome>(first, EnterProgram{grants_.front().cores, program_, moment},
                   [this, moment](Outcome& entered) {
                     if (entered.error) return step_failed(*entered.error);
                     shards_phase_ = moment.phase;
                     const bool known = entered_ && entered_->phase == moment.phase;
                     entered_ = moment;
                     if (!known) phase_entered();
                   });
    });
  });
}

}  // namespace troupe
