#include "predict/plan.hpp"

#include <algorithm>

#include "predict/planner.hpp"

namespace troupe {

Demand asked_bytes(const JobView& job) {
  if (job.memory) return {.phase = {}, .bytes = *job.memory};
  return {.phase = {},
          .bytes = job.demand.with_headroom(job.demand.bytes),
          .bytes_per_core = job.demand.with_headroom(job.demand.bytes_per_core)};
}

int lossless_cores(const JobView& job) {
  if (job.pinned_cores) return *job.pinned_cores;
  const int least = std::max(1, job.min_cores);
  return std::clamp(job.demand.lossless_cores, least, std::max(least, job.max_cores));
}

int wanted_cores(const JobView& job) {
  if (job.pinned_cores) return *job.pinned_cores;
  int low = std::max(1, job.min_cores), high = std::max(low, job.max_cores);
  while (low < high) {
    const int middle = low + (high - low) / 2;
    if (job.demand.step_seconds(middle) <= job.target_step_seconds)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

Plan make_plan(const std::vector<DeviceView>& devices, const std::vector<JobView>& jobs,
               const std::map<std::string, std::vector<Grant>>& now, const PlanRules& rules) {
  planning::Planner planner;
  planner.set_devices(devices);
  planner.set_rules(rules);
  for (const auto& job : jobs) {
    const auto it = now.find(job.name);
    planner.put(job, it == now.end() ? nullptr : &it->second);
  }
  planner.plan();
  Plan plan;
  planner.tell(plan);
  return plan;
}

}  // namespace troupe
