// Who has waited for how long, and what users may have at most.
#include <fmt/core.h>

#include "predict/ledger.hpp"

namespace troupe {

void Ledger::set_rules(PlanRules rules, double patience) {
  rules_ = std::move(rules);
  patience_ = patience;
  due_at_.clear();
  for (auto& [name, wait] : waits_) {
    if (!wait.since || jobs_.at(name).due) continue;
    wait.due = *wait.since + patience_ - wait.before;
    due_at_.insert({wait.due, name});
  }
  look_who_is_due();
  changed_ = rules_changed_ = true;
}

/// Called where a job's grants in force may have changed.
void Ledger::mark_wait(const std::string& name) {
  auto& wait = waits_[name];
  const bool waits = force(name).empty();
  if (waits == wait.since.has_value()) return;
  if (waits) {
    wait.since = now_seconds_;
    wait.due = now_seconds_ + patience_ - wait.before;
    if (!jobs_.at(name).due) due_at_.insert({wait.due, name});
  } else {
    wait.before += now_seconds_ - *wait.since;
    wait.since.reset();
    due_at_.erase({wait.due, name});
  }
}

double Ledger::waited(const std::string& name) const {
  const auto it = waits_.find(name);
  if (it == waits_.end()) return 0;
  return it->second.before + (it->second.since ? now_seconds_ - *it->second.since : 0);
}

void Ledger::clock(double seconds) {
  now_seconds_ = std::max(now_seconds_, seconds);
  look_who_is_due();
}

void Ledger::look_who_is_due() {
  while (!due_at_.empty() && due_at_.begin()->first <= now_seconds_) {
    const std::string name = due_at_.begin()->second;
    due_at_.erase(due_at_.begin());
    jobs_.at(name).due = changed_ = true;
    touch(name);
  }
}

std::optional<double> Ledger::next_due() const {
  return due_at_.empty() ? std::nullopt : std::optional(due_at_.begin()->first);
}

Result<void> Ledger::within_quota(const JobView& job, std::optional<int> cores,
                                  std::optional<Bytes> memory) const {
  const auto refuse = [&](std::string what, std::string given, std::string allowed) {
    return fail(Error{ErrorCode::no_capacity, std::move(what), "job " + job.name, std::move(given),
                      std::move(allowed),
                      fmt::format("It is what user {} may have, over all jobs. Ask for less, or raise the "
                                  "cluster's quota.",
                                  job.user)});
  };
  if (rules_.user_cores && cores && *cores > *rules_.user_cores)
    return refuse("so many cores are more than its user may have", std::to_string(*cores),
                  fmt::format("1 … {}", *rules_.user_cores));
  if (rules_.user_memory && memory && *memory > *rules_.user_memory)
    return refuse("so much memory is more than its user may have", to_string(*memory),
                  "up to " + to_string(*rules_.user_memory));
  return {};
}

}  // namespace troupe
