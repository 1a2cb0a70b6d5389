#pragma once
// What the commands may reach, handed down by main(): real in wiring.cpp, fake in tests.
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "actors/cluster.hpp"
#include "actors/node_process.hpp"
#include "cli/doctor_probes.hpp"
#include "cli/gpus.hpp"
#include "gpu/cuda/survey.hpp"
#include "predict/module/forecast.hpp"

namespace troupe {

using Json = nlohmann::json;

/// The verbs of actors/cluster.hpp, answered by a cluster in this process or behind a port.
using Request =
    std::function<Result<Json>(const std::string& verb, const Json& arguments, double timeout_seconds)>;

/// Where a running cluster is asked.
struct ClusterAddress {
  std::string host = "127.0.0.1";
  int port = 0;
  std::filesystem::path keys;  // folder; empty: plain, on loopback
};

/// A cluster in this process; it ends with this object.
class RunningCluster {
 public:
  virtual ~RunningCluster() = default;
  virtual int port() const = 0;
  virtual int metrics_port() const = 0;
  virtual Result<Json> request(const std::string& verb, const Json& arguments, double timeout_seconds) = 0;
};

/// A node in this process, without a head; it ends with this object.
class RunningNode {
 public:
  virtual ~RunningNode() = default;
  /// Knocks at the head once. Error not_connected: try again later; others will not mend by themselves.
  virtual Result<void> join() = 0;
  virtual bool joined() const = 0;
  /// Its jobs go elsewhere first.
  virtual void leave(double seconds) = 0;
  virtual const std::string& endpoint() const = 0;
};

/// Ctrl-C and its kin, seen as a value. The second one ends the process at once, whatever it does.
class Interrupts {
 public:
  virtual ~Interrupts() = default;
  /// Waits; true as soon as somebody asked to stop.
  virtual bool wait(double seconds) = 0;
};

struct Services {
  std::function<Result<std::unique_ptr<RunningCluster>>(ClusterOptions)> start;
  /// `keys`: folder of the cluster's, where the node's own are; empty: none.
  std::function<Result<std::unique_ptr<RunningNode>>(NodeProcessOptions, const std::filesystem::path& keys)>
      start_node;
  std::function<Result<Request>(const ClusterAddress&)> connect;
  std::function<Result<CpuDevice>()> discover;
  std::function<cuda::GpuSurvey()> gpus;  // of this machine; may take a second
  SliceGpus slice_gpus;                   // none: jobs can't run on any
  std::function<Result<Json>(const Config&, const CpuDevice&, const std::vector<GpuDevice>&)> dry_run;
  DoctorProbes probes;
  std::map<std::string, ProgramFactory> kinds;
  std::function<void()> thread_setup;  // of every thread that computes
  std::function<void()> count_memory;  // from here on, what LibTorch allocates is charged to accounts
  MakeRates make_rates;                // of a device; none: a step's time is told once steps were seen
  /// What a TorchScript file's step takes (predict/module/forecast.hpp); none: there is no LibTorch.
  std::function<Result<meta::ModuleForecast>(const std::string& file, const std::vector<std::int64_t>& shape,
                                             const meta::ScriptOptions&)>
      forecast_script;
  MakeProcessSum make_fast;  // sums over processes of jobs with reduction = "fast"
  std::function<std::optional<std::string>(const std::string& name)> environment;
  std::string account = "default";  // the name of who runs the command
  std::function<double()> unix_time;
  std::vector<std::pair<std::string, std::string>> versions;  // of troupe and the libraries under it
  std::filesystem::path executable;                           // what --detach starts
  Interrupts* interrupts = nullptr;
};

}  // namespace troupe
