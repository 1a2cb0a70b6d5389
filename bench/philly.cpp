// A whole trace of jobs on clusters of three sizes, by every rule of who starts when.
#include <fmt/core.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "bench/bench.hpp"
#include "bench/trace_folder.hpp"
#include "predict/simulate/simulator.hpp"
#include "predict/traces/philly.hpp"

using namespace troupe;

namespace {

constexpr int kSizes[] = {
    400, 512, 640};  // GPUs, 8 a machine; the trace asks for 374 on average, 714 at most in a week
constexpr double kGoalRatio = 1.5, kGoalSeconds = 30;

std::vector<pack::Machine> machines(int gpus) {
  std::vector<pack::Machine> all;
  for (int i = 0; i < gpus / 8; ++i) all.push_back({fmt::format("node{}", i), 96000, 393216, 8, "GPU"});
  return all;
}

int measure(bench::Report& report, const std::vector<traces::TraceJob>& trace) {
  const int runs = report.runs(3);
  std::map<int, std::vector<double>> packing_ratio, ours_ratio;
  std::vector<double> seconds;
  fmt::print(stderr, "{:>5} {:>5} {:<15} {:>12} {:>12} {:>12} {:>12} {:>12} {:>6} {:>9} {:>7}\n", "GPUs",
             "seed", "rule", "completion h", "p99 h", "waiting h", "p99 h", "longest h", "use %", "parks",
             "s");
  for (const int gpus : kSizes)
    for (int seed = 1; seed <= runs; ++seed) {
      const auto jobs = simulate::model_jobs(trace, seed);
      double fifo = 0;
      for (const auto& rule : simulate::rules()) {
        const double began = bench::now();
        const auto result = simulate::simulate(jobs, machines(gpus), rule, seed);
        if (!result) throw ErrorException(result.error());
        const double took = bench::now() - began;
        const auto s = simulate::summarise(*result);
        fmt::print(
            stderr,
            "{:>5} {:>5} {:<15} {:>12.2f} {:>12.1f} {:>12.2f} {:>12.1f} {:>12.1f} {:>6.1f} {:>9} {:>7.2f}\n",
            gpus, seed, rule.name, s.mean_completion / 3600, s.p99_completion / 3600, s.mean_waiting / 3600,
            s.p99_waiting / 3600, s.longest_waiting / 3600, 100 * s.utilisation, s.parks, took);
        if (rule.name == "fifo") fifo = s.mean_completion;
        if (rule.name == "packing") packing_ratio[gpus].push_back(fifo / s.mean_completion);
        if (rule.name == "ours") {
          ours_ratio[gpus].push_back(fifo / s.mean_completion);
          seconds.push_back(took);
        }
      }
    }
  for (const auto& [gpus, ratios] : packing_ratio)
    report.add(fmt::format("fifo_ratio_{}", gpus), "ratio", ratios, kGoalRatio, true,
               "mean completion: fifo over packing alone");
  for (const auto& [gpus, ratios] : ours_ratio)
    report.add(fmt::format("fifo_ratio_ours_{}", gpus), "ratio", ratios, {}, true,
               "mean completion: fifo over ours");
  report.add("seconds", "s", seconds, kGoalSeconds, false);
  return report.finish();
}

}  // namespace

int main(int argc, char** argv) {
  bench::Report report(
      argc, argv, "philly",
      "The jobs of the Philly trace on 400, 512 and 640 GPUs under every rule; --runs N draws of the\n"
      "model of what the jobs use of their GPUs (3). fifo_ratio_SIZE: how many times sooner jobs are\n"
      "done on average where GPUs are shared by what phases use, in the same order.\n"
      "--traces FOLDER (or TROUPE_TRACES): where philly.csv lies.");
  const auto folder = bench::trace_folder(report, "philly", traces::kWherePhillyIs);
  if (!folder) return 2;
  const auto trace = traces::read_jobs(*folder / "philly.csv");
  if (!trace) {
    std::fprintf(stderr, "philly: error: %s. %s\n", trace.error().text().c_str(), traces::kWherePhillyIs);
    return 2;
  }
  try {
    return measure(report, *trace);
  } catch (const std::exception& e) {
    return std::fprintf(stderr, "philly: error: %s\n", e.what()), 1;
  }
}
