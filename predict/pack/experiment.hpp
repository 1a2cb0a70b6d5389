#pragma once
// The experiment of "Beware of Fragmentation" (Weng et al., ATC 2023, section 6): tasks drawn from a trace
// arrive, none leaves, and the share of the cluster's GPUs that could be allocated is read off.
#include <cstdint>
#include <string>
#include <vector>

#include "predict/pack/packer.hpp"

namespace troupe::pack {

enum class Arrivals {
  sampled,   // all drawn with replacement
  shuffled,  // the whole trace in random order, then drawn with replacement: what the authors' artifact does
};

/// Tasks in the order of their arrival, until they ask for `load` times the GPUs there are. Requires tasks
/// that ask for GPUs.
std::vector<Task> inflate(const std::vector<Task>& trace, const std::vector<Machine>& machines, double load,
                          std::int64_t seed, Arrivals arrivals = Arrivals::sampled);

struct ExperimentResult {
  std::vector<double> allocated_percent;  // [p]: once p percent of GPU capacity had arrived; p = 0 … load
  double at_full = 0;                     // once 100 percent had
  std::int64_t arrived = 0, placed = 0;   // tasks
  std::int64_t moves = 0, moved_for = 0;  // and arrivals that needed them
};

ExperimentResult run_experiment(const std::vector<Task>& arrivals, const std::vector<Machine>& machines,
                                Policy& policy, std::int64_t seed, int most_moves);

/// An upper bound on at_full for any placement, moved or not, online or not: cutting_stock.hpp tells which
/// relaxation.
double upper_bound_percent(const std::vector<Task>& arrivals, const std::vector<Machine>& machines);

/// From how much arrived (percent of GPU capacity) on any placement has refused a task, by the same
/// relaxation: what arrived until then needs more GPUs than there are. 100 at most.
double must_refuse_from_percent(const std::vector<Task>& arrivals, const std::vector<Machine>& machines);

}  // namespace troupe::pack
