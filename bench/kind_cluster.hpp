#pragma once
// Real clusters in this process, over this machine's cores, that run the benches' job kinds.
#include <memory>
#include <mutex>

#include "actors/cluster.hpp"
#include "bench/job_kinds.hpp"
#include "bench/watched.hpp"
#include "tests/temp_folder.hpp"

namespace troupe::bench {

class KindClusters {
 public:
  /// Measures the machine's rates.
  KindClusters();
  const DeviceRates& rates() const { return rates_; }
  std::filesystem::path runs() const { return folder_ / "runs"; }  // where they keep what they learn
  const CpuDevice& device() const { return device_; }
  /// Over so many logical cores, which share the machine's in turn. Ends this process where it can't start.
  std::unique_ptr<Cluster> start(int cores, std::vector<JobConfig> jobs, bool shortest_first = false);
  /// Of the cluster started last.
  const std::filesystem::path& run() const { return run_; }
  /// Of the job of this name, once its program is built; of jobs of earlier clusters too.
  std::shared_ptr<Watch> watch(const std::string& job);
  const std::map<std::string, ProgramFactory>& kinds() const { return kinds_; }

 private:
  test::TempFolder folder_;
  CpuDevice device_;
  DeviceRates rates_;
  std::map<std::string, ProgramFactory> kinds_;
  std::filesystem::path run_;
  int runs_ = 0;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Watch>> watches_;
};

/// Cores from least to most, so many steps, no checkpoint but the last.
JobConfig kind_job(const std::string& name, const std::string& kind, std::int64_t steps, int least, int most);

/// A verb's answer; ends this process where it fails.
nlohmann::json asked(Cluster& cluster, const std::string& verb, const nlohmann::json& arguments);

/// Waits until so many steps have ended; ends this process after `limit` seconds.
void await_steps(const Watch& watch, int steps, double limit, const std::string& what);

}  // namespace troupe::bench
