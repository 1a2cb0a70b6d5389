#include <algorithm>
#include <cmath>

#include "predict/pack/policies.hpp"
#include "predict/pack/stranding.hpp"

namespace troupe::pack {
namespace {

constexpr double kTie = 1e-6;  // scores nearer than this are the same: of such GPUs the one with less left

class LeastStranded final : public Policy {
 public:
  explicit LeastStranded(std::vector<Machine> machines) : stranding_(std::move(machines)) {}

  Offer rate(const Node& node, const Task& task) const override {
    const double before = stranding_.stranded(node);
    if (task.gpus != 1 || task.gpu_milli == kWholeGpu) {
      const GpuSet gpus = tightest_gpus(node, task);
      return {score(before, node, task, gpus), gpus};
    }
    Offer best{-1e300, {}};
    int left = 0;  // of the best one
    for (std::size_t g = 0; g < static_cast<std::size_t>(node.gpus); ++g) {
      const auto end = node.gpu.begin() + static_cast<std::ptrdiff_t>(g);
      if (node.gpu[g] < task.gpu_milli || std::find(node.gpu.begin(), end, node.gpu[g]) != end) continue;
      GpuSet one;
      one.set(g);
      const double s = score(before, node, task, one);
      const bool tighter = best.gpus.none() || node.gpu[g] < left;
      if (s < best.score - kTie || (s < best.score + kTie && !tighter)) continue;
      best = {s, one};
      left = node.gpu[g];
    }
    return best;
  }

  bool learn(const Task& task) override { return stranding_.learn(task); }

 private:
  double score(double before, const Node& node, const Task& task, GpuSet gpus) const {
    Node after = node;
    put(after, task, gpus);
    return before - stranding_.stranded(after) - stranding_.looseness(after);
  }
  Stranding stranding_;
};

}  // namespace

std::unique_ptr<Policy> least_stranded(std::vector<Machine> machines) {
  return std::make_unique<LeastStranded>(std::move(machines));
}

}  // namespace troupe::pack
