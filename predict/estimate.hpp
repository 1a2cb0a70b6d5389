#pragma once
// When jobs that wait will start, as far as anyone can know. Pure; made when somebody asks, not with every
// plan.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "predict/plan.hpp"

namespace troupe {

struct Estimate {
  std::optional<double> seconds;  // until it starts
  std::string words;              // "in about 5 min 00 s, when gan ends", "unknown: …", "never: …"
};

/// For every job of the plan that gets nothing in it. `remaining`: seconds until jobs end, once they run on
/// what they have or want; who is not here may run for ever. Counts cores and bytes over all devices
/// together, so a job that needs them side by side may start later; a job that is submitted meanwhile may go
/// first.
std::map<std::string, Estimate> estimate_starts(const std::vector<DeviceView>& devices,
                                                const std::map<std::string, JobView>& jobs, const Plan& plan,
                                                const std::map<std::string, double>& remaining);

/// By how many seconds it will be done too late, if it ends in `remaining` and starts in `starts` from `now`
/// (on the deadline's clock). None: in time, without a deadline, or not known.
std::optional<double> late_seconds(const JobView& job, double now, std::optional<double> starts,
                                   std::optional<double> remaining);

}  // namespace troupe
