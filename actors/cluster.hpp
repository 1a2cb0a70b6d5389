#pragma once
// A head and node in one process: everything that acts, wired from values that main() hands down.
//
// A run folder:  RUN/config.toml      the resolved configuration (what `resume` starts from)
//                RUN/journal.jsonl    every event; run.id: what tells its copies on nodes from other runs'
//                RUN/timeline.png, summary.json, summary.md     written at the end
//                RUN/control.json     while the cluster runs: {"pid", "host", "port", "metrics_port",
//                                     "version"}, and "keys", the folder, where it has any
//                RUN/JOB/job.toml, grids/PHASE.png, samples/*.png, checkpoints/step-*/, leases.csv
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/clock.hpp"
#include "base/config.hpp"
#include "base/log.hpp"
#include "gpu/device_slice.hpp"
#include "gpu/devices.hpp"
#include "gpu/process_sum.hpp"
#include "predict/rates_file.hpp"
#include "train/program.hpp"

namespace troupe {

/// Rates of a device; `runs` keeps them where nothing better does.
using MakeRates =
    std::function<std::shared_ptr<RatesSource>(const CpuDevice&, const std::filesystem::path& runs)>;

struct ClusterOptions {
  Config config;
  std::filesystem::path run;                    // existing, writable run folder
  CpuDevice device;                             // already cut to the node's cores and memory
  std::vector<GpuDevice> gpus;                  // that the node offers
  std::map<std::string, ProgramFactory> kinds;  // built-in job kinds; plugins add theirs
  std::function<void()> thread_setup;  // run once on every thread that computes (use_one_torch_thread)
  MakeProcessSum make_fast;            // sums of jobs with reduction = "fast"; none: they are refused
  MakeRates make_rates;                // none: a step's time is told once steps were seen
  bool resume = false;                 // go on from the newest checkpoint of every job in `run`
  bool serve = true;                   // open the control port and the metrics endpoint
  Log log;
};

/// Verbs, with arguments -> reply (all JSON). Errors come back as Error.
///   status  {}                         -> {cluster, version, run, pid, uptime_seconds, unix_time,
///   instruction_set,
///                                          port, metrics_port, cores, memory, finished (no job left that
///                                          runs or waits), stopping (a shutdown is done: the process is to
///                                          end)}
///   echo    {bytes}                    -> {data}      so many bytes, at most 1 MiB
///   measure {from, to, bytes?}         -> {round_trip_seconds, there_bytes_per_second|null,
///                                          back_bytes_per_second|null}   between two nodes over their data
///   planes, bytes each way (at most 32 MiB; 0: round trips alone)
///   nodes   {}                         -> [{name, state: up|drained|lost, head, cores, memory, address,
///   jobs,
///                                          since_seconds, version, heartbeats, round_trip_seconds|null (of
///                                          the newest sign of life), why|null,
///                                          gpus: [{name, state, model, sms, pieces, memory, jobs}]}]
///   jobs    {}                         -> [job …]; a job is
///           {name, kind, state: preparing|waiting|running|parked|finished|failed|stopped, reason, priority,
///            phase, resolution, fade, step, steps, images, images_per_second, remaining_seconds|null,
///            cores, cores_wanted, memory, held, peak, scores: {name: value}, checkpoint: path|null,
///            error|null}
///   show    {job}                      -> the job with {config (TOML), phases: [{name, peak,
///   images_per_second,
///                                          seconds}], slices: [{node, cores: [..], unit, memory}], resizes,
///                                          hash|null}
///   events  {after, job?, limit?}      -> {next, events: [ops/events.hpp's JSON …]}
///                                          after: 0 at first, then `next`
///
///   submit  {toml, file, resume?}      -> {job}
///                                          toml: a job file's text, file: its path, for messages
///
///   stop    {job}                      -> {job, step}   replies once it has written its checkpoint
///
///   resize  {job, cores?, memory?}     -> {job, reason}   null for either: back to automatic
///
///   plan    {}                         -> {jobs: {name: {grants: [{node, cores, unit, memory}],
///                                          wanted_cores, reason}}}
///
///   shutdown {}                        -> {jobs: […]}
///                                          every running job stopped with a checkpoint, pictures written
class Cluster {
 public:
  /// Starts the actors and submits config.jobs. Errors: port in use, more cores asked than there are, …
  static Result<std::unique_ptr<Cluster>> start(ClusterOptions options);
  ~Cluster();
  int port() const;
  int metrics_port() const;
  /// Blocking; any thread but an actor's.
  Result<nlohmann::json> request(const std::string& verb, const nlohmann::json& arguments,
                                 double timeout_seconds = 60);

 private:
  struct Impl;
  explicit Cluster(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The pure part of `up --dry-run`: what the planner would do with these jobs on these devices at their
/// start.
Result<nlohmann::json> dry_run(const Config& config, const CpuDevice& device,
                               const std::vector<GpuDevice>& gpus = {});

}  // namespace troupe
