// What jobs that wait are told, and by which rules their turn comes.
#include <cmath>

#include "actors/supervisor.hpp"

namespace troupe {
namespace {

constexpr double kSoonest = 0.05, kLatest = 86'400;  // seconds between looks at who is due

nlohmann::json number_or_null(std::optional<double> value) {
  return value && std::isfinite(*value) ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

}  // namespace

PlanRules plan_rules(const Config& config) {
  PlanRules rules{
      config.cluster.user_cores, config.cluster.user_memory, {}, config.cluster.order == JobOrder::shortest};
  for (const auto& user : config.users) rules.weights[user.name] = user.weight;
  return rules;
}

PlanRules Supervisor::rules() const { return plan_rules(args_.config); }

JobView Supervisor::job_view(const JobEntry& job, const DemandChanged& m) const {
  const auto& c = job.config;
  const int useful = job.on_gpu() ? job.gpu.pieces : m.shards;
  const int most = std::min(c.max_cores.value_or(useful), useful);
  JobView view{.name = c.name,
               .priority = c.priority,
               .order = job.order,
               .min_cores = std::min(c.min_cores, most),
               .max_cores = most,
               .slices = job.on_gpu() ? 1 : c.slices,
               .memory = c.memory,
               .target_step_seconds = c.target_step_seconds,
               .demand = m.demand,
               .pinned_cores = {},
               .held = m.held,
               .user = c.user.value_or("default")};
  if (job.was) {  // what `troupe resize` said stays
    view.memory = job.was->memory;
    if (job.was->pinned_cores) view.pinned_cores = std::min(*job.was->pinned_cores, most);
  }
  if (c.deadline_seconds) view.deadline = job.submitted_at + *c.deadline_seconds;
  return view;
}

void Supervisor::wake_when_due(double now) {
  auto due = ledger_.next_due();
  for (const auto& [device, ledger] : gpus_)
    if (const auto other = ledger.next_due(); other && (!due || *other < *due)) due = other;
  if (!due || (wake_at_ > now && wake_at_ <= *due)) return;
  const double seconds = std::clamp(*due - now, kSoonest, kLatest);
  wake_at_ = now + seconds;
  self_->delayed_send(supervisor_actor{self_},
                      std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(seconds * 1000))),
                      PlanDue{});
}

Supervisor::Estimates Supervisor::estimates() const {
  std::map<std::string, double> remaining;
  for (const auto& [called, job] : jobs_)
    if (!job.over() && job.status.remaining_seconds >= 0) remaining[called] = job.status.remaining_seconds;
  auto all = estimate_starts(ledger_.devices(), ledger_.jobs(), ledger_.plan(), remaining);
  for (const auto& [device, ledger] : gpus_)
    all.merge(estimate_starts(ledger.devices(), ledger.jobs(), ledger.plan(), remaining));
  return all;
}

void Supervisor::tell_prospects(nlohmann::json& told, const JobEntry& job, const Estimates& estimates) const {
  const auto& called = job.config.name;
  const double now = args_.clock->now();
  const Ledger& ledger = ledger_of(job);
  const auto view = ledger.jobs().find(called);
  const bool planned = view != ledger.jobs().end();
  const auto found = estimates.find(called);
  const Estimate estimate = found == estimates.end() ? Estimate{} : found->second;
  told["user"] = job.config.user.value_or("default");
  told["waited_seconds"] = ledger.waited(called);
  told["due"] = planned && view->second.due;
  told["starts_in_seconds"] = number_or_null(estimate.seconds);
  told["starts"] = estimate.words.empty() ? nlohmann::json(nullptr) : nlohmann::json(estimate.words);
  told["deadline_in_seconds"] = nullptr;
  told["late"] = nullptr;
  if (!job.config.deadline_seconds || job.over()) return;
  told["deadline_in_seconds"] = job.submitted_at + *job.config.deadline_seconds - now;
  if (!planned) return;
  const auto remaining =
      job.status.remaining_seconds >= 0 ? std::optional(job.status.remaining_seconds) : std::nullopt;
  if (const auto late = late_seconds(view->second, now, estimate.seconds, remaining))
    told["late"] = "it will miss its deadline by about " + format_duration(*late);
}

}  // namespace troupe
