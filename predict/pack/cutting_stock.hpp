#pragma once
// How much of a demand for shares of GPUs goes onto a number of GPUs at best: the relaxation of Gilmore and
// Gomory (1961). Every share lies on one GPU, but shares and GPUs may be counted in fractions, and CPU,
// memory and machines are left out. No placement of the same demand can do better, whatever it knows.
#include <array>
#include <vector>

#include "predict/pack/task.hpp"

namespace troupe::pack {

struct ShareDemand {
  int size = 0;      // thousandths, 1 … kWholeGpu
  double count = 0;  // how many of it
};

struct CuttingStock {
  /// Thousandths of GPUs: an upper bound on what can be allocated (a value of the dual problem, so it holds
  /// even where the solver stopped early).
  double bound = 0;
  /// What a hole of so many thousandths is worth: the most that is allocated in it at best, less what those
  /// shares would bring elsewhere. Never falls with the size.
  std::array<double, kWholeGpu + 1> worth{};
  /// The same of a share, in the order of the demand: its size less the price of its scarcity.
  std::vector<double> share_worth;
};

/// Column generation over patterns, with a knapsack to price them. Sizes differ; counts and `gpus` are >= 0.
CuttingStock relax(const std::vector<ShareDemand>& demand, double gpus);

/// The shares that tasks ask for, counted (a task with several GPUs counts several times), by size.
std::vector<ShareDemand> shares_of(const std::vector<Task>& tasks);

}  // namespace troupe::pack
