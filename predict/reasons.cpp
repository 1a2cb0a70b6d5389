#include "predict/reasons.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "predict/peak_errors.hpp"

namespace troupe::planning {
namespace {

std::string who_holds(const Told& told) {
  const auto& [work, holders, pool, rules] = told;
  std::string text;
  for (const auto* holder : holders)
    text += fmt::format("{}{} (priority {}) holds {}", text.empty() ? "" : ", ", holder->job.name,
                        holder->job.priority, holder->cores);
  return text.empty() ? fmt::format("{} are all there is", cores_text(pool.cores(), rules))
                      : fmt::format("{} of {}", text, pool.cores());
}

std::string asks_too_much(const Told& told) {
  const auto& [work, holders, pool, rules] = told;
  if (work.min > pool.cores())
    return fmt::format("asks for more than there is: {} of {}", cores_text(work.min, rules), pool.cores());
  return fmt::format("asks for more than there is: {} of memory of {}", to_string(work.need_for(work.min)),
                     to_string(pool.memory()));
}

std::string waits(const Told& told) {
  const auto& [work, holders, pool, rules] = told;
  if (!work.barred.empty() && work.lacks == Work::Short::device)
    return fmt::format("waits for {} and {} of memory side by side; it cannot run on {}",
                       cores_text(work.min, rules), to_string(work.need_for(work.min)),
                       fmt::join(work.job.barred, ", "));
  const auto& user = work.job.user;
  switch (work.lacks) {
    case Work::Short::quota_cores:
      return fmt::format("waits for {} of the {} that user {} may have: {} are in use",
                         cores_text(work.min, rules), rules.user_cores.value_or(0), user,
                         rules.user_cores.value_or(0) - work.min + work.cores_missing);
    case Work::Short::quota_memory:
      return fmt::format("waits for {} of the {} that user {} may have: {} are free",
                         to_string(work.need_for(work.min)), to_string(rules.user_memory.value_or(Bytes{})),
                         user, to_string(std::max(work.memory_free, Bytes{})));
    case Work::Short::turn:
      return fmt::format("waits for the turn of {}, which has waited for long and needs the memory",
                         *work.waits_for);
    case Work::Short::ever:
      return asks_too_much(told);
    case Work::Short::cores:
      return fmt::format("waits for {}: {}", cores_text(work.cores_missing, rules), who_holds(told));
    case Work::Short::memory:
      return fmt::format("waits for {} of memory: {} of {} are free", to_string(work.need_for(work.min)),
                         to_string(std::max(work.memory_free, Bytes{})), to_string(pool.memory()));
    default:
      return fmt::format("waits for {} and {} of memory side by side: {}", cores_text(work.min, rules),
                         to_string(work.need_for(work.min)), who_holds(told));
  }
}

std::string step_text(const Work& work, int cores) {
  const auto& job = work.job;
  if (job.demand.serial_seconds + job.demand.parallel_seconds <= 0) return "no step was measured yet";
  return fmt::format(
      "a step {} {} on {}, the target is {}", job.demand.measured ? "takes" : "is expected to take",
      format_duration(job.demand.step_seconds(cores)),
      cores == 1 ? std::string("one") : std::to_string(cores), format_duration(job.target_step_seconds));
}

/// Only where it is more than what every forecast gets.
std::string headroom_text(const Work& work) {
  const double headroom = work.job.demand.headroom;
  if (work.job.memory || headroom <= PeakErrors::kLeast) return "";
  return fmt::format(
      "; {:.0f} % of headroom over its predicted memory: peaks of its kind came to more before",
      100 * headroom);
}

std::string has(const Told& told) {
  const auto& [work, holders, pool, rules] = told;
  const int cores = work.cores;
  const std::string pinned = work.job.pinned_cores ? ", as `troupe resize` asked" : "";
  const std::string memory =
      work.capped ? fmt::format("; its predicted {} of memory are capped at the {} that there are",
                                to_string(work.job.demand.bytes_for(cores)), to_string(work.need_for(cores)))
                  : headroom_text(work);
  if (cores < work.wanted)
    return fmt::format("has {} of {} wanted{}: {}; {}{}", cores, cores_text(work.wanted, rules), pinned,
                       who_holds(told), step_text(work, cores), memory);
  if (cores > work.wanted && rules.shortest_first && cores <= lossless_cores(work.job))
    return fmt::format(
        "has {}, {} more than it wants: it is done sooner, and as good as nothing is lost by them; {}{}",
        cores_text(cores, rules), cores - work.wanted, step_text(work, cores), memory);
  if (cores > work.wanted)
    return fmt::format("has {}, {} more than it wants, which nobody else needs: {}{}",
                       cores_text(cores, rules), cores - work.wanted, step_text(work, cores), memory);
  const int shown = work.wanted > work.min ? 1 : cores;
  return fmt::format("wants {}{}: {}{}", cores_text(cores, rules), pinned, step_text(work, shown), memory);
}

}  // namespace

std::string cores_text(int n, const PlanRules& rules) {
  return fmt::format("{} {}{}", n, rules.core, n == 1 ? "" : "s");
}

std::string reason(const Told& told) { return told.work.take.empty() ? waits(told) : has(told); }

Reasons::Facts Reasons::facts_of(const Told& told) {
  const auto& work = told.work;
  const auto& job = work.job;
  return {work.lacks,
          work.cores,
          work.cores_missing,
          work.min,
          work.wanted,
          told.pool.cores(),
          work.capped,
          job.pinned_cores.has_value(),
          work.need,
          work.need_per_core,
          job.demand.measured,
          job.demand.headroom,
          work.capped ? job.demand.bytes : Bytes{},
          work.lacks == Work::Short::nothing ? Bytes{} : work.memory_free,
          told.pool.memory(),
          job.demand.serial_seconds,
          job.demand.parallel_seconds,
          job.target_step_seconds,
          told.rules.shortest_first,
          lossless_cores(job)};
}

const std::string& Reasons::of(const Told& told) {
  const auto& work = told.work;
  auto& entry = remembered_[work.job.name];
  // such as have what they want: nobody else is in their words
  const bool alone = !work.take.empty() && work.cores >= work.wanted;
  const auto same_holders = [&] {
    return alone ||
           std::equal(told.holders.begin(), told.holders.end(), entry.holders.begin(), entry.holders.end(),
                      [](const Work* a, const Holder& b) {
                        return a->job.name == b.name && a->job.priority == b.priority && a->cores == b.cores;
                      });
  };
  const bool rare = !work.barred.empty() || work.lacks >= Work::Short::quota_cores;
  Facts facts = facts_of(told);
  if (!rare && !entry.rare && !entry.text.empty() && entry.facts == facts && same_holders())
    return entry.text;
  entry.rare = rare;
  entry.facts = facts;
  entry.holders.clear();
  if (!alone)
    for (const auto* holder : told.holders)
      entry.holders.push_back({holder->job.name, holder->job.priority, holder->cores});
  return entry.text = reason(told);
}

}  // namespace troupe::planning
