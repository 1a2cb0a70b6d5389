#include "bench/kind_cluster.hpp"

#include <chrono>
#include <thread>

#include "bench/processes.hpp"
#include "gpu/torch_allocator.hpp"
#include "train/gan/calibrate.hpp"

namespace troupe::bench {

KindClusters::KindClusters() : device_(must(discover_cpu())) {
  install_torch_allocator();
  rates_ = gan::calibrate(device_);
  for (const auto& [name, make] : job_kinds(folder_.path()))
    kinds_[name] = [this, make = make](const ProgramContext& c) -> Result<std::shared_ptr<Program>> {
      auto program = make(c);
      if (!program) return program;
      return std::make_shared<Watched>(*program, watch(c.job.name));
    };
}

std::shared_ptr<Watch> KindClusters::watch(const std::string& job) {
  const std::lock_guard lock(mutex_);
  auto& found = watches_[job];
  if (!found) found = std::make_shared<Watch>();
  return found;
}

std::unique_ptr<Cluster> KindClusters::start(int cores, std::vector<JobConfig> jobs, bool shortest_first) {
  ClusterOptions o;
  run_ = folder_ / ("run" + std::to_string(runs_++));
  o.run = run_;
  o.config.jobs = std::move(jobs);
  o.config.cluster.runs = runs();
  o.config.cluster.order = shortest_first ? JobOrder::shortest : JobOrder::submission;
  o.device = must(restrict_cpu(device_, cores, device_.memory, true));
  o.kinds = kinds_;
  o.thread_setup = use_one_torch_thread;
  o.make_rates = [rates = rates_](const CpuDevice&, const std::filesystem::path& runs) {
    return std::make_shared<RatesSource>(runs / ".rates.json", rates.device, [rates] { return rates; });
  };
  o.serve = false;
  o.log = quiet_log();
  return must(Cluster::start(std::move(o)));
}

JobConfig kind_job(const std::string& name, const std::string& kind, std::int64_t steps, int least,
                   int most) {
  JobConfig job;
  job.name = name;
  job.kind = kind;
  job.min_cores = least;
  job.max_cores = most;
  job.samples = 0;
  job.checkpoint_seconds = 0;
  job.options["steps"] = std::to_string(steps);
  return job;
}

nlohmann::json asked(Cluster& cluster, const std::string& verb, const nlohmann::json& arguments) {
  return must(cluster.request(verb, arguments));
}

void await_steps(const Watch& watch, int steps, double limit, const std::string& what) {
  const double until = now() + limit;
  while (watch.ended() < steps) {
    if (now() > until)
      must(Result<void>(fail({.code = ErrorCode::peer_missing,
                              .what = "a job does not come to its steps",
                              .where = what,
                              .given = std::to_string(watch.ended()) + " steps"})));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace troupe::bench
