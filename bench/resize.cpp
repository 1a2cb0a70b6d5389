// From the supervisor's decision to the first shard at the new size, beyond what was left of the step.
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "bench/bench.hpp"
#include "tests/actors/harness.hpp"

using namespace troupe;

namespace {

/// The seconds of every resize that was applied, and the last step told, from the events of a run.
struct Resizes {
  std::vector<double> seconds;
  std::int64_t after = 0;
  void read(Cluster& cluster) {
    for (;;) {
      const auto batch = *cluster.request("events", {{"after", after}, {"limit", 1000}});
      after = batch["next"].get<std::int64_t>();
      for (const auto& e : batch["events"])
        if (e["event"] == "resize_applied") seconds.push_back(e.value("seconds", 0.0));
      if (batch["events"].size() < 1000) return;
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  bench::Report report(
      argc, argv, "resize",
      "Resizes a running job between one core and two, 1,000 times (--runs N). Reports the time from\n"
      "the supervisor's decision, or the edge that it waited for, to the first shard at the new size.");
  const int wanted = report.runs(1000);
  toy::TempFolder folder;
  auto job = toy::toy_job("job");
  job.target_step_seconds = 1e-6;
  const toy::Options toy{
      .shards = 8, .phases = 1, .steps_per_phase = std::int64_t{1} << 40, .parameters = 100000};
  auto started = Cluster::start(toy::options_of(folder.path(), {job}, toy, 2));
  if (!started) return std::fprintf(stderr, "%s\n", started.error().text().c_str()), 1;
  Cluster& cluster = **started;
  Resizes resizes;
  while (resizes.seconds.empty()) resizes.read(cluster);
  const auto first = resizes.seconds.size();
  for (int i = 0; i < wanted; ++i) {
    const auto before = resizes.seconds.size();
    if (auto r = cluster.request("resize", {{"job", "job"}, {"cores", 1 + i % 2}}); !r)
      return std::fprintf(stderr, "%s\n", r.error().text().c_str()), 1;
    while (resizes.seconds.size() == before) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      resizes.read(cluster);
    }
    if (i % 100 == 99) report.note(std::to_string(i + 1) + " resizes");
  }
  const std::int64_t committed = (*cluster.request("stop", {{"job", "job"}}))["step"].get<std::int64_t>();
  // Every committed step has one row, in order: a lost or repeated one would show.
  std::int64_t rows = 0, wrong = 0;
  std::istringstream lines(toy::slurp(folder.path() / "job" / "losses.csv"));
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line))
    if (std::atoll(line.c_str()) != rows++) ++wrong;
  std::vector<double> seconds(resizes.seconds.begin() + static_cast<std::ptrdiff_t>(first),
                              resizes.seconds.end());
  const auto [low, high] = std::minmax_element(seconds.begin(), seconds.end());
  const int n = static_cast<int>(seconds.size());
  report.add({"p50_seconds", "s", bench::percentile(seconds, 50), {}, false, n, *low, *high, ""});
  report.add({"p99_seconds", "s", bench::percentile(seconds, 99), 1e-3, false, n, *low, *high, ""});
  report.add({"steps_lost", "steps", static_cast<double>(std::abs(committed - rows) + wrong), 0.0, false, n,
              0, 0, ""});
  return report.finish();
}
