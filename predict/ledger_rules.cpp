// Who has waited for how long, and what users may have at most.
#include <fmt/core.h>

#include <algorithm>

#include "predict/ledger.hpp"

namespace troupe {

void Ledger::set_rules(PlanRules rules, double patience) {
  rules_ = std::move(rules);
  patience_ = patience;
  look_who_is_due();
  changed_ = true;
}

/// Called where a job's grants in force may have changed.
void Ledger::mark_wait(const std::string& name) {
  auto& wait = waits_[name];
  const bool waits = force(name).empty();
  if (waits == wait.since.has_value()) return;
  if (waits) {
    wait.since = now_seconds_;
    next_due_ = std::min(next_due_, now_seconds_ + patience_ - wait.before);
  } else {
    wait.before += now_seconds_ - *wait.since;
    wait.since.reset();
  }
}

double Ledger::waited(const std::string& name) const {
  const auto it = waits_.find(name);
  if (it == waits_.end()) return 0;
  return it->second.before + (it->second.since ? now_seconds_ - *it->second.since : 0);
}

void Ledger::clock(double seconds) {
  now_seconds_ = std::max(now_seconds_, seconds);
  if (now_seconds_ >= next_due_) look_who_is_due();
}

void Ledger::look_who_is_due() {
  next_due_ = std::numeric_limits<double>::infinity();
  for (const auto& [name, wait] : waits_) {
    auto& job = jobs_.at(name);
    if (!wait.since || job.due) continue;
    const double due = *wait.since + patience_ - wait.before;
    if (due <= now_seconds_)
      job.due = changed_ = true;
    else
      next_due_ = std::min(next_due_, due);
  }
}

std::optional<double> Ledger::next_due() const {
  return next_due_ < std::numeric_limits<double>::infinity() ? std::optional(next_due_) : std::nullopt;
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
