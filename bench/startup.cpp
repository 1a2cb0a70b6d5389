// From `troupe up` to the first step with the pyramid present.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "bench/bench.hpp"
#include "ops/recorder.hpp"
#include "tests/temp_folder.hpp"

using namespace troupe;
extern char** environ;

namespace {

constexpr const char* kCluster = R"([cluster]
port = 0
metrics_port = 0
runs = "RUNS"
[[job]]
name = "gan"
samples = 0
[job.data]
path = "/usr/share/mricron/templates"
files = ["ch2.nii.gz", "ch2bet.nii.gz", "ch2better.nii.gz"]
[job.gan]
fmap_base = 768
images = [1000000]
)";

/// Seconds from exec to the first committed step's event; the process is then interrupted and waited for.
double first_step_seconds(const std::filesystem::path& folder, int turn) {
  const auto run = folder / ("run" + std::to_string(turn));
  const std::string file = (folder / "cluster.toml").string(), run_text = run.string();
  const char* argv[] = {TROUPE_COMMAND,  "up",   file.c_str(), "--run", run_text.c_str(),
                        "--no-progress", nullptr};
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
  const SystemClock clock;
  const double began = clock.unix_time();
  pid_t pid = 0;
  if (posix_spawn(&pid, TROUPE_COMMAND, &quiet, nullptr, const_cast<char* const*>(argv), environ) != 0)
    return -1;
  posix_spawn_file_actions_destroy(&quiet);
  double first = -1;
  for (int i = 0; i < 3000 && first < 0; ++i) {
    ::usleep(10000);
    if (const auto events = read_journal(run / "journal.jsonl"))
      for (const auto& e : *events)
        if (e.kind == EventKind::steps && first < 0) first = e.unix_time;
  }
  ::kill(pid, SIGINT);
  ::waitpid(pid, nullptr, 0);
  return first < 0 ? -1 : first - began;
}

}  // namespace

int main(int argc, char** argv) {
  bench::Report report(
      argc, argv, "startup",
      "Starts `troupe up` on the MRI data again and again, --runs N times, and reports the time to\nthe "
      "event of the first committed step. The pyramid is built by a first turn that is not counted.");
  const test::TempFolder folder;
  std::string text = kCluster;
  text.replace(text.find("RUNS"), 4, (folder / "runs").string());
  if (auto written = write_file(folder / "cluster.toml", text); !written) return 1;
  std::vector<double> seconds;
  for (int turn = 0, n = report.runs(7); turn <= n; ++turn) {
    const double s = first_step_seconds(folder.path(), turn);
    if (s < 0) return std::fprintf(stderr, "bench startup: error: no step within 30 s\n"), 1;
    if (turn > 0) seconds.push_back(s);
  }
  report.add("seconds", "s", seconds, 1.0, false);
  return report.finish();
}
