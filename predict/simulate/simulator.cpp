#include "predict/simulate/simulator.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "predict/pack/policies.hpp"
#include "predict/simulate/run.hpp"

namespace troupe::simulate {
namespace {

constexpr double kSharingCost = 1.05;  // of time, for who shares GPUs
constexpr double kTick = 300;          // s: how often those that wait are compared with those that run
constexpr double kLevels[] = {3600, 36'000, 360'000};  // GPU-seconds attained at which a job's level rises
constexpr double kLongest = 48 * 3600;  // s of waiting after which a job's turn comes by its submission alone
constexpr double kForOverdue = 0.5;     // of the GPUs: for such jobs; so what is short still gets through

}  // namespace

Run::Run(const std::vector<SimJob>& jobs, const std::vector<pack::Machine>& machines, const Rule& rule,
         std::int64_t seed)
    : jobs_(jobs),
      rule_(rule),
      policy_(rule.shares ? pack::least_stranded(machines) : pack::best_fit()),
      packer_(machines, *policy_, seed),
      live_(jobs.size()),
      running_on_(machines.size()) {
  for (const auto& machine : machines) largest_ = std::max(largest_, machine.gpus);
  result_.jobs.resize(jobs.size());
  result_.gpus = static_cast<double>(packer_.gpu_capacity()) / pack::kWholeGpu;
  for (std::size_t j = 0; j < jobs.size(); ++j)
    events_.push({jobs[j].submitted, What::arrival, static_cast<int>(j), 0});
}

int Run::milli(int job) const {
  const auto j = static_cast<std::size_t>(job);
  return rule_.shares ? jobs_[j].phases[live_[j].phase].gpu_milli : pack::kWholeGpu;
}

const pack::Task Run::task(int job, int gpus) const { return {0, 0, gpus, milli(job), {}}; }

std::vector<int> Run::parts_of(int job) const {
  std::vector<int> parts;
  for (int left = jobs_[static_cast<std::size_t>(job)].gpus; left > 0; left -= largest_)
    parts.push_back(std::min(left, largest_));
  return parts;
}

int Run::level(int job) const {
  const auto j = static_cast<std::size_t>(job);
  const Live& live = live_[j];
  const double since = now_ - live.since;
  const double attained = live.attained + (live.running ? since * rate(job) : 0);
  const auto level = std::upper_bound(std::begin(kLevels), std::end(kLevels), attained) - std::begin(kLevels);
  return live.overdue ? kOverdue : static_cast<int>(level);
}

Run::Turn Run::turn(int job) const {
  const SimJob& from = jobs_[static_cast<std::size_t>(job)];
  double order = 0;
  if (rule_.order == Rule::Order::duration) order = from.seconds();
  if (rule_.order == Rule::Order::attained) order = level(job);
  return {order, from.submitted, job};
}

void Run::queue(int job) {
  const Turn at = turn(job);
  waiting_[kind(job)].insert(at);
  line_.insert(at);
  turns_[job] = at;
  if (!rule_.ages) return;
  const auto j = static_cast<std::size_t>(job);
  live_[j].due = now_ + std::max(0.0, kLongest - result_.jobs[j].waited);
  due_.insert({live_[j].due, job});
}

void Run::unqueue(int job) {
  const auto j = static_cast<std::size_t>(job);
  due_.erase({live_[j].due, job});
  overdue_.erase({jobs_[j].submitted, job});
  const auto at = turns_.find(job);
  const auto same = waiting_.find(kind(job));
  same->second.erase(at->second);
  if (same->second.empty()) waiting_.erase(same);
  line_.erase(at->second);
  turns_.erase(at);
}

void Run::wait(int job) {
  live_[static_cast<std::size_t>(job)].since = now_;
  queue(job);
  if (rule_.parks && !ticking_) {
    ticking_ = true;
    events_.push({now_ + kTick, What::tick, -1, 0});
  }
}

bool Run::try_start(int job) {
  Live& live = live_[static_cast<std::size_t>(job)];
  for (const int gpus : parts_of(job)) {
    if (!packer_.has_room(task(job, gpus))) {
      for (const int part : live.parts) packer_.leave(part);
      live.parts.clear();
      return false;
    }
    live.parts.push_back(packer_.arrive(task(job, gpus)).number);
  }
  start(job);
  return true;
}

void Run::start(int job) {
  const auto j = static_cast<std::size_t>(job);
  Live& live = live_[j];
  Outcome& outcome = result_.jobs[j];
  if (turns_.contains(job)) unqueue(job);
  for (const int part : live.parts)
    running_on_[static_cast<std::size_t>(packer_.placement(part)->node)].push_back(job);
  if (live.phase == 0 && live.attained == 0) outcome.started = now_;
  outcome.waited += now_ - live.since;
  live.since = now_;
  live.running = true;
  busy_ += rate(job);
  result_.use.push_back({now_, busy_});
  events_.push({now_ + live.left, What::phase_end, job, ++live.version});
}

void Run::stop(int job) {
  Live& live = live_[static_cast<std::size_t>(job)];
  const double ran = now_ - live.since;
  live.attained += ran * rate(job);
  result_.gpu_seconds += ran * rate(job);
  live.left = std::max(0.0, live.left - ran);
  live.running = false;
  busy_ -= rate(job);
  result_.use.push_back({now_, busy_});
  if (live.overdue) overdue_gpus_ -= rate(job);
  live.overdue = false;
  ++live.version;
  for (const int part : live.parts) {
    std::erase(running_on_[static_cast<std::size_t>(packer_.placement(part)->node)], job);
    packer_.leave(part);
  }
  live.parts.clear();
}

void Run::phase_ends(int job) {
  const auto j = static_cast<std::size_t>(job);
  Live& live = live_[j];
  const auto& phases = jobs_[j].phases;
  const int before = milli(job);
  stop(job);
  live.since = now_;
  do {
    if (++live.phase == phases.size()) {
      result_.jobs[j].finished = result_.end = now_;
      --live.phase;
      schedule();
      return;
    }
    live.left = phases[live.phase].seconds * (rule_.shares ? kSharingCost : 1);
  } while (live.left <= 0);
  if (milli(job) < before && try_start(job)) {  // what a phase has too much is free for others
    schedule();
    return;
  }
  if (try_start(job)) return;
  ++result_.jobs[j].parked;
  wait(job);
  schedule();
}

/// Those that have waited for long, in the order of their submission: the first that can't start holds up the
/// rest of them, so that its turn comes.
void Run::start_overdue(bool with_parking) {
  while (!due_.empty() && due_.begin()->first <= now_) {
    const int job = due_.begin()->second;
    due_.erase(due_.begin());
    overdue_.insert({jobs_[static_cast<std::size_t>(job)].submitted, job});
  }
  while (!overdue_.empty()) {
    const int job = overdue_.begin()->second;
    if (overdue_gpus_ > 0 && overdue_gpus_ + rate(job) > kForOverdue * result_.gpus) return;
    if (!try_start(job) && !(with_parking && make_way(job, kOverdue))) return;
    live_[static_cast<std::size_t>(job)].overdue = true;
    overdue_gpus_ += rate(job);
  }
}

/// Goes through those that wait in their order. A kind that can't start is left out from there on: the next
/// of it come later, so have no more to say to those that run.
void Run::schedule(bool with_parking) {
  start_overdue(with_parking);
  std::set<Turn> heads;
  for (const auto& [unused, turns] : waiting_) heads.insert(*turns.begin());
  while (!heads.empty()) {
    const Turn head = *heads.begin();
    const int job = std::get<2>(head);
    const Kind own = kind(job);
    heads.erase(heads.begin());
    if (!try_start(job) && !(with_parking && make_way(job, level(job)))) {
      if (rule_.strict) return;
      continue;
    }
    if (const auto same = waiting_.find(own); same != waiting_.end()) heads.insert(*same->second.begin());
  }
}

void Run::handle(const Event& event) {
  now_ = event.at;
  ++result_.events;
  if (event.what == What::tick) {
    ticking_ = false;
    schedule(rule_.parks);
    if (!waiting_.empty() && !ticking_) {
      ticking_ = true;
      events_.push({now_ + kTick, What::tick, -1, 0});
    }
    return;
  }
  const auto j = static_cast<std::size_t>(event.job);
  Live& live = live_[j];
  if (event.what == What::phase_end) {
    if (event.version == live.version) {
      live.left = 0;
      phase_ends(event.job);
    }
    return;
  }
  result_.jobs[j].submitted = now_;
  live.since = now_;
  live.left = jobs_[j].phases.front().seconds * (rule_.shares ? kSharingCost : 1);
  const bool behind = rule_.strict && !line_.empty();
  if (!behind && try_start(event.job)) return;
  wait(event.job);
  if (!behind && rule_.parks) make_way(event.job, level(event.job));
}

Simulation Run::finish() {
  while (!events_.empty()) {
    const Event event = events_.top();
    events_.pop();
    handle(event);
  }
  return std::move(result_);
}

Result<void> check_jobs(const std::vector<SimJob>& jobs, const std::vector<pack::Machine>& machines) {
  std::int64_t gpus = 0;
  for (const auto& machine : machines) gpus += machine.gpus;
  if (gpus == 0)
    return fail({ErrorCode::no_capacity, "there is no GPU to run jobs on",
                 fmt::format("{} machines", machines.size()), "0 GPUs", "at least 1",
                 "Give nodes that have GPUs"});
  for (std::size_t j = 0; j < jobs.size(); ++j)
    if (jobs[j].gpus > gpus)
      return fail({ErrorCode::no_capacity, "the job asks for more GPUs than there are",
                   fmt::format("job {}", j + 1), fmt::format("{}", jobs[j].gpus),
                   fmt::format("at most {}", gpus), "Give more nodes, or leave the job out"});
  return {};
}

Result<Simulation> simulate(const std::vector<SimJob>& jobs, const std::vector<pack::Machine>& machines,
                            const Rule& rule, std::int64_t seed) {
  if (auto fits = check_jobs(jobs, machines); !fits) return fail(fits.error());
  return Run(jobs, machines, rule, seed).finish();
}

}  // namespace troupe::simulate
