#include "predict/progression.hpp"

#include <algorithm>

namespace troupe {
namespace {

double cores_to_target(const Demand& demand, const ProgressionOptions& options) {
  const double left = options.target_step_seconds - demand.serial_seconds;
  if (demand.step_seconds(1) <= 0) return 0;
  return left > 0 ? std::min<double>(demand.parallel_seconds / left, options.cores) : options.cores;
}

PhaseTold tell(DemandTable& table, const PhaseAhead& ahead, const Correction& learned,
               const ProgressionOptions& options) {
  PhaseTold told;
  told.name = ahead.question.name;
  told.steps = ahead.steps;
  told.demand = table.demand(ahead.question, learned);
  const int phase = ahead.question.phase;
  told.peak = table.predict(phase, 1, learned).bytes;
  told.peak_a_worker = table.predict(phase, 2, learned).bytes - told.peak;
  told.learned = learned.steps({table.kind(), told.name, 1});
  for (int cores = 1; cores <= options.cores; ++cores) {
    const double seconds = table.predict(phase, cores, learned).step_seconds;
    if (seconds <= 0) break;
    told.seconds.push_back(seconds);
  }
  JobView job;
  job.min_cores = options.min_cores;
  job.max_cores = std::max(options.min_cores, std::min(options.max_cores, options.cores));
  job.target_step_seconds = options.target_step_seconds;
  job.demand = told.demand;
  told.wanted_cores = wanted_cores(job);
  told.threads_percent = 100 * cores_to_target(told.demand, options) / options.cores;
  if (options.memory > Bytes{})
    told.memory_percent = 100 * static_cast<double>(told.demand.wall_for(told.wanted_cores).count) /
                          static_cast<double>(options.memory.count);
  return told;
}

}  // namespace

Progression tell_progression(const std::string& kind, const std::vector<PhaseAhead>& phases,
                             const Correction& learned, const ProgressionOptions& options) {
  Progression all;
  DemandTable table(kind, {});
  all.run_seconds.assign(static_cast<std::size_t>(std::max(0, options.cores)), 0);
  for (const auto& phase : phases) {
    all.phases.push_back(tell(table, phase, learned, options));
    const PhaseTold& told = all.phases.back();
    all.smallest = std::max(all.smallest, told.demand.wall_for(options.min_cores));
    all.run_seconds.resize(std::min(all.run_seconds.size(), told.seconds.size()));
    for (std::size_t c = 0; c < all.run_seconds.size(); ++c)
      all.run_seconds[c] += static_cast<double>(told.steps) * told.seconds[c];
  }
  return all;
}

}  // namespace troupe
