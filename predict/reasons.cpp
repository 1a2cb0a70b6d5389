#include "predict/reasons.hpp"

#include <fmt/format.h>

namespace troupe::planning {
namespace {

std::string who_holds(const std::vector<const Work*>& holders, int cores) {
  std::string text;
  for (const auto* holder : holders)
    text += fmt::format("{}{} (priority {}) holds {}", text.empty() ? "" : ", ", holder->job->name,
                        holder->job->priority, total(holder->take));
  return text.empty() ? fmt::format("{} are all there is", cores_text(cores))
                      : fmt::format("{} of {}", text, cores);
}

std::string asks_too_much(const Work& work, const Pool& pool) {
  if (work.min > pool.cores())
    return fmt::format("asks for more than there is: {} of {}", cores_text(work.min), pool.cores());
  return fmt::format("asks for more than there is: {} of memory of {}", to_string(work.need_for(work.min)),
                     to_string(pool.memory()));
}

std::string waits(const Work& work, const std::vector<const Work*>& holders, const Pool& pool) {
  if (!work.barred.empty() && work.lacks == Work::Short::device)
    return fmt::format("waits for {} and {} of memory side by side; it cannot run on {}",
                       cores_text(work.min), to_string(work.need_for(work.min)),
                       fmt::join(work.job->barred, ", "));
  switch (work.lacks) {
    case Work::Short::ever:
      return asks_too_much(work, pool);
    case Work::Short::cores:
      return fmt::format("waits for {}: {}", cores_text(work.cores_missing),
                         who_holds(holders, pool.cores()));
    case Work::Short::memory:
      return fmt::format("waits for {} of memory: {} of {} are free", to_string(work.need_for(work.min)),
                         to_string(std::max(work.memory_free, Bytes{})), to_string(pool.memory()));
    default:
      return fmt::format("waits for {} and {} of memory side by side: {}", cores_text(work.min),
                         to_string(work.need_for(work.min)), who_holds(holders, pool.cores()));
  }
}

std::string step_text(const Work& work, int cores) {
  const auto& job = *work.job;
  if (job.demand.serial_seconds + job.demand.parallel_seconds <= 0) return "no step was measured yet";
  return fmt::format(
      "a step {} {} on {}, the target is {}", job.demand.measured ? "takes" : "is expected to take",
      format_duration(job.demand.step_seconds(cores)),
      cores == 1 ? std::string("one") : std::to_string(cores), format_duration(job.target_step_seconds));
}

std::string has(const Work& work, const std::vector<const Work*>& holders, const Pool& pool) {
  const int cores = total(work.take);
  const std::string pinned = work.job->pinned_cores ? ", as `troupe resize` asked" : "";
  const std::string capped =
      work.capped ? fmt::format("; its predicted {} of memory are capped at the {} that there are",
                                to_string(work.job->demand.bytes_for(cores)), to_string(work.need_for(cores)))
                  : "";
  if (cores < work.wanted)
    return fmt::format("has {} of {} wanted{}: {}; {}{}", cores, cores_text(work.wanted), pinned,
                       who_holds(holders, pool.cores()), step_text(work, cores), capped);
  if (cores > work.wanted)
    return fmt::format("has {}, {} more than it wants, which nobody else needs: {}{}", cores_text(cores),
                       cores - work.wanted, step_text(work, cores), capped);
  const int told = work.wanted > work.min ? 1 : cores;
  return fmt::format("wants {}{}: {}{}", cores_text(cores), pinned, step_text(work, told), capped);
}

}  // namespace

std::string cores_text(int n) { return fmt::format("{} core{}", n, n == 1 ? "" : "s"); }

std::string reason(const Work& work, const std::vector<const Work*>& holders, const Pool& pool) {
  return work.take.empty() ? waits(work, holders, pool) : has(work, holders, pool);
}

}  // namespace troupe::planning
