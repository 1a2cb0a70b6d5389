#include "predict/simulate/production.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <queue>
#include <set>
#include <tuple>

namespace troupe::simulate {
namespace {

constexpr double kParkSeconds = 10;  // to be parked and to go on again, or to move
constexpr double kTogether = 1;      // s: what happens within is planned once

std::set<std::string> nodes_of(const std::vector<Grant>& grants) {
  std::set<std::string> nodes;
  for (const auto& grant : grants) nodes.insert(grant.node);
  return nodes;
}

class Production {
 public:
  Production(const std::vector<SimJob>& jobs, const std::vector<pack::Machine>& machines,
             const ProductionRules& rules)
      : jobs_(jobs), live_(jobs.size()) {
    ledger_.set_rules(rules.plan, rules.patience);
    for (std::size_t m = 0; m < machines.size(); ++m) {
      if (machines[m].gpus == 0) continue;
      DeviceView view{fmt::format("m{}", m), std::vector<int>(static_cast<std::size_t>(machines[m].gpus)),
                      mib(std::max<std::int64_t>(1, machines[m].memory_mib))};
      std::iota(view.cores.begin(), view.cores.end(), 0);
      ledger_.add_device(std::move(view));
      result_.gpus += machines[m].gpus;
    }
    result_.jobs.resize(jobs.size());
    arrivals_.resize(jobs.size());
    std::iota(arrivals_.begin(), arrivals_.end(), std::size_t{0});
    std::stable_sort(arrivals_.begin(), arrivals_.end(),
                     [&](std::size_t a, std::size_t b) { return jobs[a].submitted < jobs[b].submitted; });
  }

  Result<Simulation> run() {
    while (next_ < arrivals_.size() || !ends_.empty() || !ledger_.jobs().empty()) {
      const double at = next_moment();
      if (!std::isfinite(at))
        return fail({ErrorCode::internal, "jobs wait that nothing could start", "", "", "", ""});
      now_ = at;
      ledger_.clock(now_);
      while (!ends_.empty() && ends_.top().at <= now_) end_one();
      while (next_ < arrivals_.size() && submitted(next_) <= now_)
        if (auto taken = submit(arrivals_[next_++]); !taken) return fail(taken.error());
      for (auto moves = ledger_.advance(); !moves.empty(); moves = ledger_.advance())
        for (const auto& move : moves) carry_out(move);
    }
    return std::move(result_);
  }

 private:
  struct Live {
    std::string name;
    double left = 0;      // seconds of work
    double started = -1;  // runs since
    std::int64_t version = 0;
    bool began = false;
  };
  struct End {
    double at = 0;
    std::size_t job = 0;
    std::int64_t version = 0;  // of the job; older ones are void
    bool operator>(const End& other) const {
      return std::tie(at, job, version) > std::tie(other.at, other.job, other.version);
    }
  };

  double submitted(std::size_t arrival) const { return jobs_[arrivals_[arrival]].submitted; }

  /// When something happens next, on the grid of what is planned together.
  double next_moment() const {
    double at = std::numeric_limits<double>::infinity();
    if (next_ < arrivals_.size()) at = submitted(next_);
    if (!ends_.empty()) at = std::min(at, ends_.top().at);
    if (const auto due = ledger_.next_due(); due && !ledger_.jobs().empty()) at = std::min(at, *due);
    return std::max(now_, std::ceil(at / kTogether) * kTogether);
  }

  Result<void> submit(std::size_t j) {
    JobView view;
    view.name = std::to_string(j);
    view.user = jobs_[j].user;
    view.order = static_cast<std::int64_t>(j);
    view.min_cores = view.max_cores = jobs_[j].gpus;
    live_[j] = {view.name, jobs_[j].seconds()};
    by_name_[view.name] = j;
    result_.jobs[j].submitted = jobs_[j].submitted;
    ++result_.events;
    return ledger_.add_job(std::move(view));
  }

  void book(std::size_t j) {
    Live& live = live_[j];
    const double ran = now_ - live.started;
    live.left -= ran;
    result_.gpu_seconds += ran * jobs_[j].gpus;
    busy_ -= jobs_[j].gpus;
    live.started = -1;
    ++live.version;
  }

  void begin(std::size_t j, double extra) {
    Live& live = live_[j];
    Outcome& outcome = result_.jobs[j];
    if (!live.began) outcome.started = now_;
    live.began = true;
    live.left = std::max(0.0, live.left) + extra;
    live.started = now_;
    busy_ += jobs_[j].gpus;
    ends_.push({now_ + live.left, j, ++live.version});
  }

  void end_one() {
    const End end = ends_.top();
    ends_.pop();
    Live& live = live_[end.job];
    if (end.version != live.version) return;
    book(end.job);
    Outcome& outcome = result_.jobs[end.job];
    outcome.waited = ledger_.waited(live.name);
    outcome.finished = result_.end = now_;
    ++result_.events;
    ledger_.remove_job(live.name);
    by_name_.erase(live.name);
    result_.use.push_back({now_, busy_});
  }

  void carry_out(const Assign& move) {
    const std::size_t j = by_name_.at(move.job);
    const auto before = ledger_.in_force(move.job);
    ledger_.applied(move.job, move.grants);
    const bool ran = !before.empty(), runs = !move.grants.empty();
    if (ran && runs && nodes_of(before) == nodes_of(move.grants)) return;
    if (ran) book(j);
    if (ran && !runs) ++result_.jobs[j].parked;
    if (runs) begin(j, live_[j].began ? kParkSeconds : 0);
    result_.use.push_back({now_, busy_});
  }

  const std::vector<SimJob>& jobs_;
  Ledger ledger_;
  std::vector<Live> live_;
  std::map<std::string, std::size_t> by_name_;
  std::vector<std::size_t> arrivals_;  // in the order of submission
  std::size_t next_ = 0;
  std::priority_queue<End, std::vector<End>, std::greater<>> ends_;
  double now_ = 0, busy_ = 0;
  Simulation result_;
};

}  // namespace

Result<Simulation> simulate_production(const std::vector<SimJob>& jobs,
                                       const std::vector<pack::Machine>& machines,
                                       const ProductionRules& rules) {
  if (auto fits = check_jobs(jobs, machines); !fits) return fail(fits.error());
  return Production(jobs, machines, rules).run();
}

}  // namespace troupe::simulate
