#include <algorithm>
#include <cmath>

#include "predict/simulate/simulator.hpp"

namespace troupe::simulate {

const std::vector<Rule>& rules() {
  using Order = Rule::Order;
  static const std::vector<Rule> kRules{
      {"fifo", "in the order of submission; the first that can't start holds up the rest", Order::submission,
       true},
      {"fifo_backfill", "in the order of submission; who fits may pass who does not", Order::submission},
      {"shortest_first", "the shortest first, as if durations were known", Order::duration},
      {"least_attained", "who has had the least GPU time first; others are parked for it", Order::attained,
       false, false, true},
      {"ours_whole", "ours with whole GPUs: what of it is the order, and what the sharing", Order::attained,
       false, false, true, true},
      {"packing", "as fifo, with GPUs shared by what each phase has use for", Order::submission, true, true},
      {"ours", "shared GPUs, the least attained first; half of them for who has waited for two days",
       Order::attained, false, true, true, true},
  };
  return kRules;
}

Result<Rule> rule_named(const std::string& name) {
  std::string known;
  for (const Rule& rule : rules()) {
    if (rule.name == name) return rule;
    known += (known.empty() ? "" : ", ") + rule.name;
  }
  return fail({ErrorCode::bad_usage, "there is no such policy", "--policy", name, known, ""});
}

namespace {
double at_percentile(std::vector<double>& values, double p) {
  const auto rank = static_cast<std::size_t>(std::ceil(p / 100 * static_cast<double>(values.size())));
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(rank == 0 ? 0 : rank - 1);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}
}  // namespace

Summary summarise(const Simulation& simulation) {
  Summary summary;
  if (simulation.jobs.empty()) return summary;
  std::vector<double> completion, waiting;
  for (const Outcome& job : simulation.jobs) {
    completion.push_back(job.finished - job.submitted);
    waiting.push_back(job.waited);
    summary.mean_completion += completion.back();
    summary.mean_waiting += waiting.back();
    summary.longest_waiting = std::max(summary.longest_waiting, waiting.back());
    summary.parks += job.parked;
  }
  const auto count = static_cast<double>(simulation.jobs.size());
  summary.mean_completion /= count;
  summary.mean_waiting /= count;
  summary.p99_completion = at_percentile(completion, 99);
  summary.p99_waiting = at_percentile(waiting, 99);
  if (simulation.end > 0) summary.utilisation = simulation.gpu_seconds / (simulation.end * simulation.gpus);
  return summary;
}

}  // namespace troupe::simulate
