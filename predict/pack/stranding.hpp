#pragma once
// What of a node's GPUs is likely never to be used, by what has been asked for so far. Two losses:
// - what is left of a GPU that is in use: its worth is what shares can still be put there (the dual prices of
//   cutting_stock.hpp, for a demand as it has been so far, scaled to the cluster);
// - GPUs whose CPU or memory is gone: tasks that fill n GPUs need a sum of n draws beside them, of which the
//   mean and deviation so far are known; what of it a node is expected to lack strands GPUs.
#include <array>
#include <map>
#include <vector>

#include "predict/pack/node.hpp"

namespace troupe::pack {

/// Of one resource that tasks take beside the one that is short: GPUs here, cores in the planner.
struct Beside {
  double mean = 0, deviation = 0;  // for a whole one's worth of tasks
};
/// Of `units` that are free, how many are expected to lack the resource of which so much is `left`.
double shortage(const Beside& beside, double units, double left);

class Stranding {
 public:
  explicit Stranding(const std::vector<Machine>& machines);
  /// True where the estimate has changed.
  bool learn(const Task& task);
  /// Thousandths of GPUs.
  double stranded(const Node& node) const;
  /// Small: prefers, of nodes that strand the same, the fuller.
  double looseness(const Node& node) const;

 private:
  void estimate();

  double gpus_ = 0;
  std::map<int, double> shares_;
  double cpu_sum_ = 0, cpu_squares_ = 0, memory_sum_ = 0, memory_squares_ = 0, gpu_sum_ = 0;
  std::int64_t seen_ = 0, next_ = 16;
  Beside cpu_, memory_;
  std::array<double, kWholeGpu + 1> worth_{};  // of a hole, over that of a whole GPU
};

}  // namespace troupe::pack
