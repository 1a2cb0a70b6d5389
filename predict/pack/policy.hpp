#pragma once
// Where a task goes: policies rate a node for a task, and the packer takes the best rated.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "predict/pack/node.hpp"

namespace troupe::pack {

struct Offer {
  double score = 0;  // the higher the better; of equal ones, the first in the packer's order
  GpuSet gpus;       // as many as the task asks for
};

/// rate() is a pure function of its arguments and of what learn() was told before. One thread.
class Policy {
 public:
  virtual ~Policy() = default;
  /// Requires fits(node, task).
  virtual Offer rate(const Node& node, const Task& task) const = 0;
  /// A task has arrived, and will be placed next. True: all ratings given so far are void.
  virtual bool learn(const Task& task) {
    (void)task;
    return false;
  }
};

/// A task out of a trace's, with its share of all tasks.
struct Typical {
  Task task;
  double share = 0;
};
/// What tasks look like, memory and models left out: the most frequent shapes until `popularity` of all
/// tasks are covered, with shares that sum to 1.
std::vector<Typical> typical_tasks(const std::vector<Task>& tasks, double popularity = 0.95);

struct PolicyContext {
  std::vector<Typical> typical;   // for gradient_descent, which knows the distribution beforehand
  std::vector<Machine> machines;  // for ours: what there is
  std::int64_t seed = 0;          // for random
};

/// random, dot_product, clustering, packing, best_fit, gradient_descent: as in Weng et al., "Beware of
/// Fragmentation: Scheduling GPU-Sharing Workloads with Fragmentation Gradient Descent" (ATC 2023), with
/// scores in whole points out of 100 as their scheduler has them; ours. An unknown name is refused with the
/// known ones.
Result<std::unique_ptr<Policy>> make_policy(const std::string& name, const PolicyContext& context);
std::vector<std::string> policy_names();

}  // namespace troupe::pack
