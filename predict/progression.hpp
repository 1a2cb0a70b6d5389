#pragma once
// A whole job told beforehand: each phase's bytes, times and share of a device. Pure.
#include <cstdint>
#include <vector>

#include "predict/demand_table.hpp"

namespace troupe {

/// What a job says of a phase.
struct PhaseAhead {
  PhaseQuestion question;
  std::int64_t steps = 0;
};

/// The device and what the job asks of it.
struct ProgressionOptions {
  int cores = 1;  // of the device, and the most that times are told for
  Bytes memory;
  int min_cores = 1, max_cores = 1;
  double target_step_seconds = 0.05;
};

struct PhaseTold {
  std::string name;
  std::int64_t steps = 0;
  Demand demand;                // as the planner gets it, headroom included
  Bytes peak, peak_a_worker;    // without headroom
  std::vector<double> seconds;  // of a step on 1, 2, … cores; empty: nobody can tell
  std::int64_t learned = 0;     // steps that corrected the time on one core; 0: it was never measured
  int wanted_cores = 1;
  /// Of the device's cores, how many a step meets its target with (parts of one too; 100: not even with all),
  /// and of its memory, what the wanted cores' bytes are.
  double threads_percent = 0, memory_percent = 0;
};

struct Progression {
  std::vector<PhaseTold> phases;
  Bytes smallest;                   // wall of a slice of min_cores that all phases fit in
  std::vector<double> run_seconds;  // on 1, 2, … cores; empty where one phase's are
};

Progression tell_progression(const std::string& kind, const std::vector<PhaseAhead>& phases,
                             const Correction& learned, const ProgressionOptions& options);

}  // namespace troupe
