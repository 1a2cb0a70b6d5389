#include "actors/gpu_choice.hpp"

#include <fmt/core.h>

#include <numeric>

namespace troupe {
namespace {

int jobs_on(const GpuPlace& gpu, const std::map<std::string, int>& bound) {
  const auto found = bound.find(gpu.node);
  return found == bound.end() ? 0 : found->second;
}

Error too_small(const JobConfig& job, std::string what, std::string given, std::string allowed,
                std::string hint) {
  return {ErrorCode::no_capacity, std::move(what),    "job " + job.name,
          std::move(given),       std::move(allowed), std::move(hint)};
}

Result<void> check_size(const JobConfig& job, const GpuPlace& gpu) {
  if (job.min_cores > gpu.pieces)
    return fail(too_small(job, "it needs more pieces of SMs than the GPU has",
                          fmt::format("min_cores = {}", job.min_cores), fmt::format("at most {}", gpu.pieces),
                          "lower min_cores"));
  if (job.memory && *job.memory > gpu.memory)
    return fail(too_small(job, "it needs more memory than the GPU has", "memory = " + to_string(*job.memory),
                          "at most " + to_string(gpu.memory),
                          "lower memory, or leave it to be measured (memory = \"auto\")"));
  return {};
}

}  // namespace

GpuPlace place_of(const std::string& node, const GpuDevice& gpu) {
  return {node + ":" + gpu.name, gpu.model, gpu.sms, gpu.sms_a_piece, gpu.pieces, gpu.memory};
}

bool names_gpu(const std::string& node) { return node.find(':') != std::string::npos; }

std::string process_of(const std::string& node) { return node.substr(0, node.find(':')); }
std::string gpu_of(const std::string& node) {
  const auto colon = node.find(':');
  return colon == std::string::npos ? "" : node.substr(colon + 1);
}

DeviceView view_of(const GpuPlace& gpu) {
  DeviceView view{gpu.node, std::vector<int>(static_cast<std::size_t>(gpu.pieces)), gpu.memory};
  std::iota(view.cores.begin(), view.cores.end(), 0);
  return view;
}

std::vector<GpuPlace> gpus_of_model(const std::vector<GpuPlace>& gpus, const std::string& model) {
  std::vector<GpuPlace> fit;
  for (const auto& gpu : gpus)
    if (model.empty() || gpu.model == model) fit.push_back(gpu);
  return fit;
}

Result<std::string> choose_gpu(const JobConfig& job, const std::vector<GpuPlace>& gpus,
                               const std::map<std::string, int>& bound) {
  if (job.gpu == GpuUse::none) return std::string();
  if (gpus.empty()) {
    if (job.gpu == GpuUse::automatic) return std::string();
    return fail(
        {ErrorCode::bad_config, "it requires a GPU, and no node offers one", "job " + job.name,
         "gpu = \"require\"", "\"auto\" or \"none\" in this cluster",
         "Give a node gpu = \"auto\" on a machine that has one (`troupe doctor` tells) and submit the "
         "job when it has joined, or let the job run on CPUs"});
  }
  const GpuPlace* best = nullptr;
  for (const auto& gpu : gpus)
    if (check_size(job, gpu) && (best == nullptr || jobs_on(gpu, bound) < jobs_on(*best, bound))) best = &gpu;
  if (best == nullptr) return fail(check_size(job, gpus.front()).error());
  return best->node;
}

}  // namespace troupe
