// What a training job tells: events, its status, figures.
#include "actors/gpu_choice.hpp"
#include "actors/training_job.hpp"

namespace troupe {

namespace {
constexpr double kStatusSeconds = 0.1;
}

void Tally::add(const StepStats& s) {
  ++steps;
  seconds += s.seconds;
  shard += s.shard_seconds;
  reduce += s.reduce_seconds;
  update += s.update_seconds;
  wait += s.wait_seconds;
  bytes += s.reduce_bytes;
  if (scores.empty()) {
    scores = s.scores;
    return;
  }
  for (std::size_t i = 0; i < scores.size() && i < s.scores.size(); ++i) scores[i].value += s.scores[i].value;
}

Event TrainingJob::event(EventKind kind) const {
  Event e{.kind = kind, .unix_time = args_.clock->unix_time(), .job = args_.config.name};
  if (!grants_.empty()) e.node = grants_.front().node;
  const bool idle = kind == EventKind::job_waiting || kind == EventKind::job_parked;
  if (idle || kind == EventKind::job_started) e.text = reason_;
  if (idle) e.held = held();
  e.step = step_;
  e.cores = e.cores_asked = cores();
  if (program_) {
    const Moment m = program_->moment(std::min(step_, program_->steps()));
    e.phase = m.phase_name;
    e.resolution = m.resolution;
    e.fade = m.fade;
    e.images = m.images;
    e.total_steps = program_->steps();
  }
  return e;
}

void TrainingJob::tell(Event event) { self_->send(args_.recorder, Events{{std::move(event)}}); }

Bytes TrainingJob::budget() const {
  Bytes sum;
  for (const auto& grant : grants_) sum += grant.memory;
  return sum;
}

Bytes TrainingJob::wall() const { return grants_.empty() ? std::max(account_->budget(), held()) : budget(); }

int TrainingJob::cores() const {
  std::size_t n = 0;
  for (const auto& grant : grants_) n += grant.cores.size();
  return static_cast<int>(n);
}

void TrainingJob::resize_in_force(double first_shard_at) {
  if (!decided_at_) return;
  ++resizes_;
  auto e = event(EventKind::resize_applied);
  // beyond what was left of the step: from the decision, or from the edge that it had to wait for
  e.seconds = std::max(0.0, first_shard_at - std::max(*decided_at_, edge_at_));
  decided_at_.reset();
  tell(std::move(e));
  note_in_force();
  tell_slices();
}

void TrainingJob::note_in_force() {
  in_force_.clear();
  for (const auto& grant : grants_) in_force_.push_back(static_cast<int>(grant.cores.size()));
}

void TrainingJob::flush_tally() {
  flushed_at_ = args_.clock->now();
  if (tally_.steps == 0 || !program_) return;
  const auto n = static_cast<double>(tally_.steps);
  auto e = event(EventKind::steps);
  const std::int64_t step = std::max(step_, told_steps_);
  const Moment m = program_->moment(std::max<std::int64_t>(step - 1, 0));
  e.step = step;
  e.phase = m.phase_name;
  e.resolution = m.resolution;
  e.fade = m.fade;
  e.images = step * program_->images_per_step();
  e.steps = tally_.steps;
  e.seconds = tally_.seconds / n;
  e.shard_seconds = tally_.shard;
  e.reduce_seconds = tally_.reduce;
  e.update_seconds = tally_.update;
  e.wait_seconds = tally_.wait;
  e.bytes = Bytes{tally_.bytes};
  e.scores = tally_.scores;
  for (auto& score : e.scores) score.value /= n;
  e.peak = peak();
  if (const auto told = std::exchange(first_told_, std::nullopt)) {
    predicted_ = *told;
    e.predicted_seconds = told->step_seconds;
    e.predicted_bytes = told->bytes;
    e.headroom = told->headroom;
    e.predicted_slowdown = told->slowdown;
    e.slowdown = told->measured_slowdown;
    e.learned = told->learned;
  }
  step_seconds_ = e.seconds;
  last_scores_ = e.scores;
  tally_ = {};
  tell(std::move(e));
  if (!decided_at_) note_in_force();
  tell_slices();
}

/// What slices of a node hold and did; nothing where it has not told yet.
std::optional<SliceGauge> TrainingJob::gauge_of(const std::string& node) const {
  if (node != home()) {
    const auto told = gauges_.find(node);
    return told == gauges_.end() ? std::nullopt : std::optional(told->second);
  }
  SliceGauge here{node, account_->held(), account_->peak(), {}};
  for (const auto& meter : meters_) here.busy_seconds.push_back(meter->load(std::memory_order_relaxed));
  return here;
}

/// One event a slice, in the order of ranks. The slices of a node hold parameters and buffers together: of
/// that each is told the share that its budget is of theirs.
void TrainingJob::tell_slices() {
  std::map<std::string, std::size_t> ranks;  // so far, by node
  std::vector<Event> all;
  busy_.resize(std::max(busy_.size(), grants_.size()));
  for (std::size_t i = 0; i < grants_.size(); ++i) {
    const Grant& grant = grants_[i];
    const std::string node = process_of(grant.node);
    const std::size_t rank = ranks[node]++;
    auto e = event(EventKind::slice_sampled);
    e.node = grant.node;
    e.slice = args_.config.name + "-" + std::to_string(i);
    e.count = static_cast<std::int64_t>(grants_.size());
    e.cores_asked = static_cast<int>(grant.cores.size());
    e.cores = i < in_force_.size() ? in_force_[i] : 0;
    e.budget = grant.memory;
    e.sms = static_cast<int>(e.cores > 0 ? sms_ : 0);
    if (const auto gauge = gauge_of(node)) {
      const double whole = static_cast<double>(budget_on(node).count);
      const double share = whole > 0 ? static_cast<double>(grant.memory.count) / whole : 1;
      const auto part = [share](Bytes bytes) {
        return Bytes{static_cast<std::int64_t>(share * static_cast<double>(bytes.count))};
      };
      e.held = part(gauge->held);
      e.peak = part(gauge->peak);
      if (rank < gauge->busy_seconds.size()) {
        double& seen = busy_seen_[{grant.node, rank}];
        const double now = gauge->busy_seconds[rank];
        busy_[i] += now - (now < seen ? 0 : seen);  // one that was made anew counts from zero
        seen = now;
      }
    }
    e.busy_seconds = busy_[i];
    all.push_back(std::move(e));
  }
  if (!all.empty()) self_->send(args_.recorder, Events{std::move(all)});
}

JobStatus TrainingJob::status() const {
  JobStatus s;
  s.job = args_.config.name;
  s.state = state_;
  s.reason = reason_;
  s.grants = grants_;
  s.sms = grants_.empty() ? 0 : sms_;
  s.held = held();
  s.peak = peak();
  s.budget = wall();
  s.predicted = predicted_;
  s.scores = last_scores_;
  s.phases = phases_;
  s.resizes = resizes_;
  s.checkpoint = newest_checkpoint_;
  s.hash = hash_;
  s.error = error_;
  s.step_seconds = step_seconds_;
  if (!program_) return s;
  const auto step = std::max(step_, told_steps_);
  s.moment = program_->moment(std::min(step, program_->steps()));
  s.steps = program_->steps();
  s.images_per_step = program_->images_per_step();
  if (step_seconds_ <= 0) return s;
  s.remaining_seconds = step_seconds_ * steps_left(step);
  return s;
}

/// In steps of the phase that `from` is in: later phases are scaled by their arithmetic.
double TrainingJob::steps_left(std::int64_t from) const {
  const std::int64_t end = program_->steps();
  const double here = program_->relative_seconds(program_->moment(std::min(from, end)).phase);
  double left = 0;
  while (from < end) {
    const Moment m = program_->moment(from);
    left += static_cast<double>(m.phase_end - from) * program_->relative_seconds(m.phase) / here;
    from = m.phase_end;
  }
  return left;
}

void TrainingJob::push_status(bool now) {
  const double t = args_.clock->now();
  if (!now && t - pushed_at_ < kStatusSeconds) return;
  pushed_at_ = t;
  self_->send(args_.supervisor, status());
}

}  // namespace troupe
