#include "bench/idle_cluster.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <thread>

#include "actors/cluster.hpp"
#include "bench/bench.hpp"
#include "bench/idle_program.hpp"
#include "bench/virtual_cores.hpp"
#include "tests/temp_folder.hpp"

namespace troupe::bench {
namespace {

using Json = nlohmann::json;

constexpr double kLimit = 120;  // seconds within which all jobs must run

/// A core for each slice, no more and no less.
JobConfig idle_job(int number, int slices) {
  JobConfig job;
  job.name = "job" + std::to_string(number);
  job.kind = "idle";
  job.priority = number % 3;
  job.min_cores = slices;
  job.max_cores = slices;
  job.slices = slices;
  job.samples = 0;
  job.checkpoint_seconds = 0;
  return job;
}

Json asked(Cluster& cluster, const std::string& verb, const Json& arguments) {
  auto reply = cluster.request(verb, arguments);
  if (!reply) throw ErrorException(reply.error());
  return std::move(*reply);
}

double requests_a_second(Cluster& cluster, double seconds) {
  const double began = now();
  int count = 0;
  for (; now() - began < seconds; ++count) asked(cluster, "status", Json::object());
  return count / (now() - began);
}

std::int64_t resizes_so_far(Cluster& cluster, int jobs) {
  std::this_thread::sleep_for(2 * IdleProgram::kPause);  // a job tells its state ten times a second
  std::int64_t sum = 0;
  for (int j = 0; j < jobs; ++j)
    sum += asked(cluster, "show", {{"job", "job" + std::to_string(j)}})["resizes"].get<std::int64_t>();
  return sum;
}

/// Every job in turn to a core less, then back.
void resize(Cluster& cluster, int jobs, int slices, double seconds, ClusterFigures& figures) {
  const auto before = resizes_so_far(cluster, jobs);
  const double began = now();
  int count = 0;
  for (; now() - began < seconds; ++count) {
    const bool less = count / jobs % 2 == 0;
    asked(cluster, "resize",
          {{"job", "job" + std::to_string(count % jobs)}, {"cores", less ? slices - 1 : slices}});
  }
  const double spent = now() - began;
  const auto applied = static_cast<double>(resizes_so_far(cluster, jobs) - before);
  figures.resizes = applied / spent;
  // A request and its reply; a resize is at least the assignment and its answer, a fresh group of ranks and
  // its reply, two events, a step told, a status, and a lease to each slice and its return.
  figures.messages = (2 * count + (8 + 2 * (slices - 0.5)) * applied) / spent;
}

ClusterFigures measure(int jobs, int slices, double seconds) {
  const test::TempFolder folder;
  const auto muster = std::make_shared<Muster>();
  ClusterOptions options;
  options.config.cluster.runs = folder / "runs";
  options.run = folder / "run";
  options.device = virtual_cores(jobs * slices);
  options.kinds["idle"] = [muster](const ProgramContext&) -> Result<std::shared_ptr<Program>> {
    return std::make_shared<IdleProgram>(muster);
  };
  options.serve = false;
  options.log = quiet_log();
  const double empty = resident_bytes();
  auto started = Cluster::start(std::move(options));
  if (!started) throw ErrorException(started.error());
  Cluster& cluster = **started;
  ClusterFigures figures;
  const double began = now();
  for (int j = 0; j < jobs; ++j)
    asked(cluster, "submit", {{"toml", to_toml(idle_job(j, slices))}, {"file", "job.toml"}});
  if (!muster->wait_for(jobs, kLimit))
    throw ErrorException({.code = ErrorCode::peer_missing,
                          .what = "not every job runs",
                          .given = asked(cluster, "jobs", Json::object()).dump()});
  figures.running_seconds = now() - began;
  figures.bytes = resident_bytes() - empty;
  if (seconds > 0) {
    figures.requests = requests_a_second(cluster, seconds);
    resize(cluster, jobs, slices, seconds, figures);
  }
  return figures;
}

/// In the child: measures, takes the cluster down, hands the figures over and is gone.
[[noreturn]] void child(int to, int jobs, int slices, double seconds) {
  int code = 1;
  try {
    const ClusterFigures figures = measure(jobs, slices, seconds);
    code = ::write(to, &figures, sizeof figures) == static_cast<ssize_t>(sizeof figures) ? 0 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%d jobs of %d slices: %s\n", jobs, slices, e.what());
  }
  ::_exit(code);
}

}  // namespace

std::optional<ClusterFigures> measure_cluster(int jobs, int slices_a_job, double seconds) {
  int ends[2];
  if (::pipe(ends) != 0) return std::nullopt;
  std::fflush(nullptr);
  const pid_t process = ::fork();
  if (process == 0) child(ends[1], jobs, slices_a_job, seconds);
  ::close(ends[1]);
  ClusterFigures figures;
  const bool whole =
      process > 0 && ::read(ends[0], &figures, sizeof figures) == static_cast<ssize_t>(sizeof figures);
  ::close(ends[0]);
  int status = 0;
  if (process > 0) ::waitpid(process, &status, 0);
  if (WIFSIGNALED(status)) std::fprintf(stderr, "%d jobs: ended by signal %d\n", jobs, WTERMSIG(status));
  return whole && status == 0 ? std::optional(figures) : std::nullopt;
}

}  // namespace troupe::bench
