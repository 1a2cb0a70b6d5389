#include "predict/estimate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <queue>

namespace troupe {
namespace {

struct Size {
  int cores = 0;
  Bytes memory;
};

Size held_by(const std::vector<Grant>& grants) {
  Size size;
  for (const auto& grant : grants) {
    size.cores += static_cast<int>(grant.cores.size());
    size.memory += grant.memory;
  }
  return size;
}

/// What it takes to start.
Size least(const JobView& job, Bytes there) {
  const int cores = job.pinned_cores.value_or(std::max(1, job.min_cores));
  const Bytes asked = asked_bytes(job).bytes_for(cores);
  return {cores, std::max(job.memory ? asked : std::min(asked, there), job.held)};
}

struct End {
  double at = 0;
  std::string job;
  Size size;
  bool operator>(const End& other) const { return at > other.at || (at == other.at && job > other.job); }
};

/// Jobs end one after the other; whoever then fits starts, in the order of planning.
class Forecast {
 public:
  Forecast(const std::vector<DeviceView>& devices, const std::map<std::string, JobView>& jobs,
           const Plan& plan, const std::map<std::string, double>& remaining)
      : remaining_(remaining) {
    for (const auto& device : devices) {
      there_.cores += static_cast<int>(device.cores.size());
      there_.memory += device.memory;
    }
    free_ = there_;
    for (const auto& name : plan.order) {
      const auto job = jobs.find(name);
      if (job == jobs.end()) continue;
      const auto& grants = plan.jobs.at(name).grants;
      if (grants.empty()) {
        waiting_.push_back(&job->second);
        free_.memory -= job->second.held;
      } else {
        start(name, held_by(grants), 0);
      }
    }
  }

  std::map<std::string, Estimate> run() {
    while (!ends_.empty() && !waiting_.empty()) {
      const End end = ends_.top();
      ends_.pop();
      free_.cores += end.size.cores;
      free_.memory += end.size.memory;
      std::erase_if(waiting_, [&](const JobView* job) { return may_start(*job, end); });
    }
    for (const auto* job : waiting_) estimates_[job->name] = {std::nullopt, why_unknown(*job)};
    return std::move(estimates_);
  }

 private:
  void start(const std::string& name, Size size, double at) {
    free_.cores -= size.cores;
    free_.memory -= size.memory;
    const auto known = remaining_.find(name);
    if (known != remaining_.end())
      ends_.push({at + std::max(0.0, known->second), name, size});
    else
      endless_.push_back(name);
  }

  bool may_start(const JobView& job, const End& end) {
    const Size size = least(job, there_.memory);
    if (size.cores > free_.cores || size.memory > free_.memory + job.held) return false;
    free_.memory += job.held;
    estimates_[job.name] = {end.at,
                            fmt::format("in about {}, when {} ends", format_duration(end.at), end.job)};
    start(job.name, size, end.at);
    return true;
  }

  std::string why_unknown(const JobView& job) const {
    const Size size = least(job, there_.memory);
    if (size.cores > there_.cores || size.memory > there_.memory)
      return "never: it asks for more than there is";
    if (endless_.empty()) return "unknown: it depends on what users may have, or on memory side by side";
    constexpr std::size_t kTold = 3;
    const auto last = endless_.begin() + static_cast<std::ptrdiff_t>(std::min(kTold, endless_.size()));
    return fmt::format("unknown: nobody knows yet when {}{} end{}", fmt::join(endless_.begin(), last, ", "),
                       endless_.size() > kTold ? " and others" : "", endless_.size() == 1 ? "s" : "");
  }

  const std::map<std::string, double>& remaining_;
  Size there_, free_;
  std::vector<const JobView*> waiting_;  // in the order of planning
  std::vector<std::string> endless_;     // as far as is known
  std::priority_queue<End, std::vector<End>, std::greater<>> ends_;
  std::map<std::string, Estimate> estimates_;
};

}  // namespace

std::map<std::string, Estimate> estimate_starts(const std::vector<DeviceView>& devices,
                                                const std::map<std::string, JobView>& jobs, const Plan& plan,
                                                const std::map<std::string, double>& remaining) {
  return Forecast(devices, jobs, plan, remaining).run();
}

std::optional<double> late_seconds(const JobView& job, double now, std::optional<double> starts,
                                   std::optional<double> remaining) {
  if (!job.deadline) return {};
  const double left = *job.deadline - now;
  // as much as is known: it can't be done before it starts, nor before now
  const double late = starts.value_or(0) + remaining.value_or(0) - left;
  return late > 0 ? std::optional(late) : std::nullopt;
}

}  // namespace troupe
