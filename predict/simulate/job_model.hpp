#pragma once
// What the simulator runs: the jobs of a trace, with the phases and shares that the trace does not tell.
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "predict/traces/philly.hpp"

namespace troupe::simulate {

struct JobPhase {
  double seconds = 0;    // alone on what it asks for
  int gpu_milli = 1000;  // of each of its GPUs that the phase has use for
};

struct SimJob {
  double submitted = 0;  // seconds
  int gpus = 1;
  std::vector<JobPhase> phases;
  std::string user = "default";  // the virtual cluster that it was submitted to
  double seconds() const;
};

/// The trace says how many GPUs a job had and for how long, not how much of them it used. The model:
/// - a job's mean use of its GPUs is drawn from a triangular distribution on (0, 1) whose mean is what Jeon
/// et
///   al. (ATC 2019, table 3) measured for jobs of its size: 52.38 % (1 GPU), 45.18 % (4), 58.99 % (8), 40.39
///   % (16 and more); sizes in between take the next smaller one's;
/// - it runs in three phases of equal length that use 0.6, 1.0 and 1.4 times the mean, as models that grow
/// do;
/// - a phase's share is its use and a tenth on top as headroom, rounded up to a twentieth, at most a GPU.
/// Pure: same jobs, same seed, same phases.
std::vector<SimJob> model_jobs(const std::vector<traces::TraceJob>& trace, std::int64_t seed);

}  // namespace troupe::simulate
