// Fragmentation gradient descent (Weng et al., ATC 2023, section 4).
#include <algorithm>
#include <cmath>
#include <map>

#include "predict/pack/policies.hpp"

namespace troupe::pack {
namespace {

/// The typical tasks that differ only in CPU, so that a node is looked at once for all of them.
struct Group {
  int gpus = 0, gpu_milli = 0;
  std::vector<std::int64_t> cpu;   // ascending
  std::vector<double> share_upto;  // [i]: of the tasks that ask for no more than cpu[i]
  double share = 0;
  double share_within(std::int64_t left) const {
    const auto end = std::upper_bound(cpu.begin(), cpu.end(), left);
    return end == cpu.begin() ? 0 : share_upto[static_cast<std::size_t>(end - cpu.begin() - 1)];
  }
};

class GradientDescent final : public Policy {
 public:
  explicit GradientDescent(const std::vector<Typical>& typical) {
    std::map<std::pair<int, int>, std::map<std::int64_t, double>> sorted;
    for (const auto& [task, share] : typical) sorted[{task.gpus, task.gpu_milli}][task.cpu_milli] += share;
    for (const auto& [size, by_cpu] : sorted) {
      Group group{size.first, size.second, {}, {}, 0};
      for (const auto& [cpu, share] : by_cpu) {
        group.cpu.push_back(cpu);
        group.share_upto.push_back(group.share += share);
      }
      groups_.push_back(std::move(group));
    }
  }

  Offer rate(const Node& node, const Task& task) const override {
    const double before = fragments(node);
    if (task.gpus != 1 || task.gpu_milli == kWholeGpu) {
      const GpuSet gpus = tightest_gpus(node, task);
      return {points(before, node, task, gpus), gpus};
    }
    Offer best{-1, {}};
    for (std::size_t g = 0; g < static_cast<std::size_t>(node.gpus); ++g)
      if (node.gpu[g] >= task.gpu_milli && first_of_its_kind(node, g)) {
        GpuSet one;
        one.set(g);
        if (const double score = points(before, node, task, one); score > best.score) best = {score, one};
      }
    return best;
  }

 private:
  static bool first_of_its_kind(const Node& node, std::size_t g) {
    return std::find(node.gpu.begin(), node.gpu.begin() + static_cast<std::ptrdiff_t>(g), node.gpu[g]) ==
           node.gpu.begin() + static_cast<std::ptrdiff_t>(g);
  }
  double points(double before, const Node& node, const Task& task, GpuSet gpus) const {
    Node after = node;
    put(after, task, gpus);
    return std::floor(100 / (1 + std::exp((fragments(after) - before) / kWholeGpu)));
  }
  /// Thousandths of GPUs that a typical task, drawn at random, can't use: all that is left where it does not
  /// fit (or asks for no GPU), else what is left of the GPUs that are too full for it.
  double fragments(const Node& node) const {
    const double left = node.gpu_left();
    double sum = 0;
    for (const Group& group : groups_) {
      double too_full = 0;
      int enough = 0;
      for (std::size_t g = 0; g < static_cast<std::size_t>(node.gpus); ++g)
        if (node.gpu[g] < group.gpu_milli)
          too_full += node.gpu[g];
        else
          ++enough;
      const double fit = group.gpus > 0 && enough >= group.gpus ? group.share_within(node.cpu) : 0;
      sum += fit * too_full + (group.share - fit) * left;
    }
    return sum;
  }

  std::vector<Group> groups_;
};

}  // namespace

std::unique_ptr<Policy> gradient_descent(const std::vector<Typical>& typical) {
  return std::make_unique<GradientDescent>(typical);
}

}  // namespace troupe::pack
