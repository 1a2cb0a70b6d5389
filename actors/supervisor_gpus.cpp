// GPUs of the head: each has a ledger of its own, and its jobs stay with it.
#include <fmt/core.h>

#include "actors/supervisor.hpp"

namespace troupe {

void Supervisor::add_gpus() {
  // a user's quota counts CPUs
  PlanRules of_gpus = rules();
  of_gpus.user_cores.reset();
  of_gpus.user_memory.reset();
  of_gpus.core = kPieceWord;
  for (const auto& gpu : args_.gpus) {
    Ledger& ledger = gpus_[gpu.node];
    ledger.set_rules(of_gpus, args_.config.cluster.patience_seconds);
    ledger.add_device(view_of(gpu));
    Event e{.kind = EventKind::node_up,
            .node = gpu.node,
            .text = fmt::format("{}, {} SMs in {} pieces, {}", gpu.model, gpu.sms, gpu.pieces,
                                to_string(gpu.memory))};
    e.cores = gpu.pieces;
    self_->send(args_.recorder, Events{{e}});
  }
}

Result<std::string> Supervisor::bind(const JobConfig& job) const {
  std::map<std::string, int> bound;
  for (const auto& [called, other] : jobs_)
    if (!other.over() && !other.device.empty()) ++bound[other.device];
  return choose_gpu(job, args_.gpus, bound);
}

const Ledger& Supervisor::ledger_of(const JobEntry& job) const {
  return job.device.empty() ? ledger_ : gpus_.at(job.device);
}
Ledger& Supervisor::ledger_of(const JobEntry& job) {
  return job.device.empty() ? ledger_ : gpus_.at(job.device);
}

const GpuPlace* Supervisor::gpu_of(const JobEntry& job) const {
  for (const auto& gpu : args_.gpus)
    if (gpu.node == job.device) return &gpu;
  return nullptr;
}

/// Of a job: what it is bound to, and the SMs in force; null: it runs on CPUs.
nlohmann::json Supervisor::gpu_json(const JobEntry& job) const {
  const auto* gpu = gpu_of(job);
  if (!gpu) return nullptr;
  return {{"device", gpu->node},
          {"model", gpu->model},
          {"sms", job.status.sms},
          {"of_sms", gpu->sms},
          {"sms_a_piece", gpu->sms_a_piece}};
}

nlohmann::json Supervisor::gpus_json() const {
  auto all = nlohmann::json::array();
  for (const auto& gpu : args_.gpus) {
    auto jobs = nlohmann::json::array();
    for (const auto& [called, job] : jobs_)
      if (job.device == gpu.node && !job.over()) jobs.push_back(called);
    all.push_back({{"name", gpu.node},
                   {"model", gpu.model},
                   {"sms", gpu.sms},
                   {"pieces", gpu.pieces},
                   {"memory", gpu.memory.count},
                   {"jobs", jobs}});
  }
  return all;
}

}  // namespace troupe
