#include "predict/pack/policies.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/random.hpp"

namespace troupe::pack {
namespace {

constexpr double kMostCpu = 128'000, kMostGpu = 8 * kWholeGpu;  // what the published scores are relative to
constexpr double kPoints = 100;

class Random final : public Policy {
 public:
  explicit Random(std::int64_t seed) : seed_(seed) {}
  Offer rate(const Node& node, const Task& task) const override {
    Draw draw(seed_, arrivals_, node.index, Purpose::sample);
    Offer offer{static_cast<double>(draw.bits()), {}};
    GpuSet candidates = gpus_that_fit(node, task);
    for (int n = 0; n < task.gpus; ++n) {
      auto skip = draw.below(candidates.count());
      for (std::size_t g = 0; g < kMostGpus; ++g)
        if (candidates[g] && skip-- == 0) {
          candidates.reset(g);
          offer.gpus.set(g);
          break;
        }
    }
    return offer;
  }
  bool learn(const Task&) override { return ++arrivals_, true; }

 private:
  std::int64_t seed_, arrivals_ = 0;
};

class DotProduct final : public Policy {
 public:
  Offer rate(const Node& node, const Task& task) const override {
    const double cpu =
        static_cast<double>(node.cpu) / kMostCpu * static_cast<double>(task.cpu_milli) / kMostCpu;
    const double gpu = node.gpu_left() / kMostGpu * static_cast<double>(task.gpu_total()) / kMostGpu;
    return {std::floor(kPoints * (1 - (cpu + gpu) / 2)), tightest_gpus(node, task)};
  }
};

class Clustering final : public Policy {
 public:
  Offer rate(const Node& node, const Task& task) const override {
    if (task.gpus == 0) return {0, {}};
    const auto own = static_cast<std::size_t>(kind_of(task));
    const auto kinds =
        std::count_if(node.tasks_of.begin() + 1, node.tasks_of.end(), [](int n) { return n > 0; });
    const int quarter = node.tasks_of[own] > 0 ? (kinds == 1 ? 3 : 2) : (kinds == 0 ? 1 : 0);
    const double fill = std::floor(kPoints / 4 * (kMostGpu - node.gpu_left()) / kMostGpu);
    return {fill + quarter * kPoints / 4, tightest_gpus(node, task)};
  }
};

class Packing final : public Policy {
 public:
  Offer rate(const Node& node, const Task& task) const override {
    if (task.gpus == 0) return {0, {}};
    const GpuSet gpus = tightest_gpus(node, task);
    const int whole = node.whole_gpus_left();
    if (whole == node.gpus) return {std::max(33.0 - whole, static_cast<double>(whole)), gpus};
    int opened = 0, left = 0;
    for (std::size_t g = 0; g < kMostGpus; ++g)
      if (gpus[g]) {
        opened += node.gpu[g] == kWholeGpu;
        left += node.gpu[g] * 100 / kWholeGpu;
      }
    if (opened > 0) return {std::max(50.0 - opened, 33.0), gpus};
    return {std::max(100.0 - left / 10, 50.0), gpus};
  }
};

class BestFit final : public Policy {
 public:
  Offer rate(const Node& node, const Task& task) const override {
    const double cpu = static_cast<double>(node.cpu - task.cpu_milli) / kMostCpu;
    const double gpu = (node.gpu_left() - static_cast<double>(task.gpu_total())) / kMostGpu;
    return {std::floor(kPoints * (1 - (cpu + gpu) / 2)), tightest_gpus(node, task)};
  }
};

}  // namespace

std::unique_ptr<Policy> random_fit(std::int64_t seed) { return std::make_unique<Random>(seed); }
std::unique_ptr<Policy> dot_product() { return std::make_unique<DotProduct>(); }
std::unique_ptr<Policy> gpu_clustering() { return std::make_unique<Clustering>(); }
std::unique_ptr<Policy> gpu_packing() { return std::make_unique<Packing>(); }
std::unique_ptr<Policy> best_fit() { return std::make_unique<BestFit>(); }

std::vector<Typical> typical_tasks(const std::vector<Task>& tasks, double popularity) {
  std::map<Task, double> counts;
  for (Task task : tasks) {
    task.memory_mib = 0;
    task.models.clear();
    ++counts[task];
  }
  std::vector<Typical> typical;
  for (const auto& [task, count] : counts) typical.push_back({task, count});
  std::stable_sort(typical.begin(), typical.end(),
                   [](const Typical& a, const Typical& b) { return a.share > b.share; });
  double covered = 0;
  std::size_t kept = 0;
  while (kept < typical.size() && covered < popularity * static_cast<double>(tasks.size()))
    covered += typical[kept++].share;
  typical.resize(kept);
  for (Typical& one : typical) one.share /= covered;
  return typical;
}

std::vector<std::string> policy_names() {
  return {"random", "dot_product", "clustering", "packing", "best_fit", "gradient_descent", "ours"};
}

Result<std::unique_ptr<Policy>> make_policy(const std::string& name, const PolicyContext& context) {
  if (name == "random") return random_fit(context.seed);
  if (name == "dot_product") return dot_product();
  if (name == "clustering") return gpu_clustering();
  if (name == "packing") return gpu_packing();
  if (name == "best_fit") return best_fit();
  if (name == "gradient_descent") return gradient_descent(context.typical);
  if (name == "ours") return least_stranded(context.machines);
  std::string known;
  for (const auto& one : policy_names()) known += (known.empty() ? "" : ", ") + one;
  return fail({ErrorCode::bad_usage, "there is no such packing policy", "policy", name, known, ""});
}

}  // namespace troupe::pack
