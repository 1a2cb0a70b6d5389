#include "predict/pack/node.hpp"

#include <algorithm>

namespace troupe::pack {

int kind_of(const Task& task) {
  if (task.gpus == 0) return 0;
  return task.gpu_milli < kWholeGpu ? 1 : std::min(task.gpus + 1, kKinds - 1);
}

int Node::gpu_left() const {
  int sum = 0;
  for (int g = 0; g < gpus; ++g) sum += gpu[static_cast<std::size_t>(g)];
  return sum;
}

int Node::whole_gpus_left() const {
  return static_cast<int>(std::count(gpu.begin(), gpu.begin() + gpus, kWholeGpu));
}

Node empty_node(const Machine& machine, int index) {
  Node node;
  node.index = index;
  node.cpu = machine.cpu_milli;
  node.memory = machine.memory_mib;
  node.gpus = machine.gpus;
  node.machine = &machine;
  std::fill_n(node.gpu.begin(), machine.gpus, std::int16_t{kWholeGpu});
  return node;
}

bool model_allowed(const Node& node, const Task& task) {
  return task.models.empty() ||
         std::find(task.models.begin(), task.models.end(), node.machine->model) != task.models.end();
}

bool fits(const Node& node, const Task& task) {
  if (node.cpu < task.cpu_milli || node.memory < task.memory_mib || !model_allowed(node, task)) return false;
  if (task.gpus == 0) return true;
  int enough = 0;
  for (int g = 0; g < node.gpus; ++g) enough += node.gpu[static_cast<std::size_t>(g)] >= task.gpu_milli;
  return enough >= task.gpus;
}

GpuSet gpus_that_fit(const Node& node, const Task& task) {
  GpuSet set;
  for (std::size_t g = 0; task.gpus > 0 && g < static_cast<std::size_t>(node.gpus); ++g)
    set[g] = node.gpu[g] >= task.gpu_milli;
  return set;
}

GpuSet tightest_gpus(const Node& node, const Task& task) {
  const GpuSet candidates = gpus_that_fit(node, task);
  GpuSet chosen;
  for (int n = 0; n < task.gpus; ++n) {
    std::size_t best = kMostGpus;
    for (std::size_t g = 0; g < kMostGpus; ++g)
      if (candidates[g] && !chosen[g] && (best == kMostGpus || node.gpu[g] < node.gpu[best])) best = g;
    chosen.set(best);
  }
  return chosen;
}

namespace {
void change(Node& node, const Task& task, GpuSet gpus, int sign) {
  node.cpu += sign * task.cpu_milli;
  node.memory += sign * task.memory_mib;
  node.tasks_of[static_cast<std::size_t>(kind_of(task))] -= static_cast<std::int16_t>(sign);
  for (std::size_t g = 0; g < kMostGpus; ++g)
    if (gpus[g]) node.gpu[g] = static_cast<std::int16_t>(node.gpu[g] + sign * task.gpu_milli);
}
}  // namespace

void put(Node& node, const Task& task, GpuSet gpus) { change(node, task, gpus, -1); }
void take(Node& node, const Task& task, GpuSet gpus) { change(node, task, gpus, +1); }

}  // namespace troupe::pack
