#pragma once
// What is left of one machine while tasks are packed onto it.
#include <array>
#include <bitset>
#include <cstdint>
#include <vector>

#include "predict/pack/task.hpp"

namespace troupe::pack {

using GpuSet = std::bitset<kMostGpus>;  // bit i: the machine's GPU i

/// How GPU clustering tells tasks apart: no GPU, a share of one, 1, 2, 3 … whole GPUs.
constexpr int kKinds = kMostGpus + 2;
int kind_of(const Task& task);

/// A value: copies are cheap, so that a policy may try a placement out.
struct Node {
  int index = 0;  // in the cluster
  std::int64_t cpu = 0, memory = 0;
  int gpus = 0;
  std::array<std::int16_t, kMostGpus> gpu{};    // thousandths left of each
  std::array<std::int16_t, kKinds> tasks_of{};  // how many of each kind it holds
  const Machine* machine = nullptr;             // outlives the node

  int gpu_left() const;
  int whole_gpus_left() const;
};

Node empty_node(const Machine& machine, int index);
bool model_allowed(const Node& node, const Task& task);
/// CPU, memory, model and enough GPUs with enough left on each.
bool fits(const Node& node, const Task& task);
/// The GPUs that have enough left for one of the task's parts.
GpuSet gpus_that_fit(const Node& node, const Task& task);
/// The task's GPUs where the policy has no view of its own: those with the least left that is enough, the
/// first of equal ones. Requires fits().
GpuSet tightest_gpus(const Node& node, const Task& task);

/// Requires fits() and as many GPUs as the task asks for, each with enough left.
void put(Node& node, const Task& task, GpuSet gpus);
/// Takes back what put() took.
void take(Node& node, const Task& task, GpuSet gpus);

}  // namespace troupe::pack
