#include "cli/up.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "base/files.hpp"
#include "cli/capacity.hpp"
#include "cli/detach.hpp"
#include "cli/gpus.hpp"
#include "cli/run_folder.hpp"
#include "cli/tables.hpp"
#include "cli/text.hpp"
#include "cli/watch.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

/// Until every running job has written its checkpoint and the pictures are drawn.
constexpr double kShutdownSeconds = 600;

Checked<Config> read_config(const UpOptions& options) {
  auto config = options.resume ? load_run(options.run) : load_config(options.file);
  if (!config) return config;
  if (options.port) config->cluster.port = *options.port;
  if (options.metrics_port) config->cluster.metrics_port = *options.metrics_port;
  return config;
}

Result<fs::path> prepare_run(const UpOptions& options, const Config& config, const Services& services) {
  const fs::path given = options.run.empty()
                             ? config.cluster.runs / run_name(config.cluster.name, services.unix_time())
                             : options.run;
  const fs::path run = fs::absolute(given).lexically_normal();
  std::error_code ignored;
  if (!options.resume && fs::exists(run / "config.toml", ignored)) {
    return fail({ErrorCode::bad_usage, "this folder holds a run already", run.string(), "", "",
                 fmt::format("Go on with it by `troupe resume {}`, or name another folder with --run",
                             shell_word(run.string()))});
  }
  const auto made = make_writable_folder(run);
  if (!made) return fail(made.error());
  return run;
}

void tell_start(const Terminal& terminal, const Config& config, const CpuDevice& device,
                const OfferedGpus& gpus, const fs::path& run, const RunningCluster& cluster) {
  terminal.out << fmt::format("cluster {}: {} of {}, {}\n", config.cluster.name,
                              counted(static_cast<long>(device.cores.size()), "core"), device.model,
                              to_string(device.memory))
               << gpu_line(gpus) << "run folder: " << run.string() << "\n"
               << "port " << cluster.port();
  if (!config.cluster.keys.empty())
    terminal.out << " of " << config.cluster.listen << " for holders of keys in "
                 << config.cluster.keys.string();
  if (cluster.metrics_port() > 0)
    terminal.out << ", metrics at http://127.0.0.1:" << cluster.metrics_port() << "/metrics";
  terminal.out << "\n";
  for (std::size_t i = 1; i < config.nodes.size(); ++i)
    terminal.out << (i == 1 ? "nodes that may come (`troupe up FILE --node NAME` there): " : ", ")
                 << config.nodes[i].name << (i + 1 == config.nodes.size() ? "\n" : "");
  terminal.out.flush();
}

/// What a user wants to know at the end; the exit code.
int tell_end(const Terminal& terminal, const Json& jobs, const fs::path& run) {
  terminal.out << "\n" << closing_lines(jobs);
  terminal.out << "run folder:  " << run.string() << "\n"
               << "pictures:    " << (run / "timeline.png").string() << " (losses and slices over time)\n";
  for (const auto& job : jobs) {
    const fs::path grids = run / member<std::string>(job, "name", "") / "grids";
    std::error_code ignored;
    if (fs::is_directory(grids, ignored)) terminal.out << "             " << grids.string() << "\n";
  }
  terminal.out << "summary:     " << (run / "summary.md").string() << "\n";
  terminal.out.flush();
  const std::string failures = failure_lines(jobs);
  terminal.err << failures;
  terminal.err.flush();
  return failures.empty() ? kDone : kFailed;
}

int stop_interrupted(const Terminal& terminal, RunningCluster& cluster, const fs::path& run) {
  terminal.err << "\nstopping at the step's edge, writing checkpoints; Ctrl-C again leaves at once\n";
  terminal.err.flush();
  const auto stopped = cluster.request("shutdown", Json::object(), kShutdownSeconds);
  if (!stopped) {
    report(terminal, stopped.error());
    return kInterrupted;
  }
  terminal.err << failure_lines(member_or_null(*stopped, "failed")) << "stopped; go on with `troupe resume "
               << shell_word(run.string()) << "`\n";
  terminal.err.flush();
  return kInterrupted;
}

int follow_cluster(const UpOptions& options, const Config& config, RunningCluster& cluster,
                   const fs::path& run, const Services& services, const Terminal& terminal) {
  const Request request = [&cluster](const std::string& verb, const Json& arguments, double timeout) {
    return cluster.request(verb, arguments, timeout);
  };
  WatchOptions watching;
  watching.stay = options.stay || config.jobs.empty();
  watching.show = options.progress;
  WatchEnd end = watch_cluster(request, services, terminal, watching);
  if (end.why == WatchEnd::interrupted) return stop_interrupted(terminal, cluster, run);
  if (end.why == WatchEnd::failed) return report(terminal, *end.error);
  int unwritten = kDone;
  if (end.why == WatchEnd::finished) {
    const auto stopped = cluster.request("shutdown", Json::object(), kShutdownSeconds);
    if (!stopped) unwritten = report(terminal, stopped.error());  // its pictures, its summary
  }
  return std::max(unwritten, tell_end(terminal, end.jobs, run));
}

int run_here(const UpOptions& options, const Config& config, const CpuDevice& device, const OfferedGpus& gpus,
             const fs::path& run, const Services& services, const Terminal& terminal) {
  const auto lock = RunLock::take(run);
  if (!lock) return report(terminal, lock.error());
  ClusterOptions start;
  start.config = config;
  for (auto& job : start.config.jobs)
    if (!job.user) job.user = services.account;
  start.run = run;
  start.device = device;
  start.gpus = gpus.devices;
  start.kinds = services.kinds;
  start.thread_setup = services.thread_setup;
  start.make_fast = services.make_fast;
  start.make_rates = services.make_rates;
  start.resume = options.resume;
  start.log = make_log("warning");
  const auto cluster = services.start(std::move(start));
  if (!cluster) return report(terminal, cluster.error());
  tell_start(terminal, config, device, gpus, run, **cluster);
  return follow_cluster(options, config, **cluster, run, services, terminal);
}

int run_dry(const UpOptions& options, const Config& config, const CpuDevice& device, const OfferedGpus& gpus,
            const Services& services, const Terminal& terminal) {
  auto plan = services.dry_run(config, device, gpus.devices);
  if (!plan) return report(terminal, plan.error());
  if (gpus.found) (*plan)["gpus"] = gpu_json(*gpus.found);
  if (options.json) {
    terminal.out << plan->dump(2) << "\n";
    return kDone;
  }
  terminal.out << fmt::format("{} of {}, {}\n", counted(static_cast<long>(device.cores.size()), "core"),
                              device.model, to_string(device.memory))
               << gpu_line(gpus) << "\n"
               << plan_table(*plan);
  return kDone;
}

}  // namespace

int run_up(const UpOptions& options, const Services& services, const Terminal& terminal) {
  const auto config = read_config(options);
  if (!config) return report(terminal, config.error());
  const auto machine = services.discover();
  if (!machine) return report(terminal, machine.error());
  const auto device = fit_to_machine(*config, config->nodes.front(), *machine, services.kinds);
  if (!device) return report(terminal, device.error());
  const auto gpus = offer_gpus(*config, config->nodes.front(), services.gpus, services.slice_gpus);
  if (!gpus) return report(terminal, gpus.error());
  if (const auto unfit = unfit_for_gpus(*config, *gpus); !unfit.empty()) return report(terminal, unfit);
  if (options.dry_run) return run_dry(options, *config, *device, *gpus, services, terminal);
  const auto run = prepare_run(options, *config, services);
  if (!run) return report(terminal, run.error());
  if (options.detach) return run_detached(options, *run, services, terminal);
  return run_here(options, *config, *device, *gpus, *run, services, terminal);
}

}  // namespace troupe
