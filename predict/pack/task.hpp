#pragma once
// What is packed onto what: tasks and machines as traces of GPU clusters describe them.
#include <cstdint>
#include <string>
#include <vector>

namespace troupe::pack {

constexpr int kWholeGpu = 1000;  // thousandths of a GPU
constexpr int kMostGpus = 16;    // of one machine: what a GpuSet has bits for

struct Machine {
  std::string name;
  std::int64_t cpu_milli = 0;  // thousandths of a core
  std::int64_t memory_mib = 0;
  int gpus = 0;  // 0 … kMostGpus
  std::string model;
};

/// Asks for all of it at once, on one machine. A task with gpus == 0 asks for no GPU; one with gpus > 0 for
/// `gpu_milli` (1 … kWholeGpu) of each of that many different GPUs.
struct Task {
  std::int64_t cpu_milli = 0;
  std::int64_t memory_mib = 0;
  int gpus = 0;
  int gpu_milli = 0;
  std::vector<std::string> models;  // allowed ones; empty: any

  std::int64_t gpu_total() const { return std::int64_t{gpus} * gpu_milli; }
  friend auto operator<=>(const Task&, const Task&) = default;
};

}  // namespace troupe::pack
