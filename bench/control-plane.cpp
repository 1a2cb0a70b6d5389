// A head with 1,000 slices and 200 jobs that compute nothing: what a plan costs, how long it takes until all
// of them run, how many messages pass, what they hold in memory, and how that grows.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include <fmt/core.h>

#include "bench/bench.hpp"
#include "bench/idle_cluster.hpp"
#include "predict/ledger.hpp"

using namespace troupe;

namespace {

/// Plans `jobs` jobs anew over `slices` cores in ten devices after one job's demand changed.
double planning_seconds(int jobs, int slices, int repeats) {
  Ledger ledger;
  for (int d = 0; d < 10; ++d) {
    DeviceView view{"node" + std::to_string(d), {}, gib(64)};
    for (int c = 0; c < slices / 10; ++c) view.cores.push_back(c);
    ledger.add_device(view);
  }
  for (int j = 0; j < jobs; ++j) {
    JobView view;
    view.name = "job" + std::to_string(j);
    view.priority = j % 3;
    view.order = j;
    view.max_cores = view.slices = slices / jobs;
    view.demand = {.phase = "p", .bytes = mib(64), .parallel_seconds = 1.0, .measured = true};
    if (auto added = ledger.add_job(view); !added) std::fprintf(stderr, "%s\n", added.error().text().c_str());
  }
  for (auto moves = ledger.advance(); !moves.empty(); moves = ledger.advance())
    for (const auto& m : moves) ledger.applied(m.job, m.grants);
  std::vector<double> times;
  for (int i = 0; i < repeats; ++i) {
    const double t0 = bench::now();
    ledger.set_demand("job" + std::to_string(i % jobs), {"p", mib(64 + i % 7), 0, 0.01 * (1 + i % 5), true});
    for (auto moves = ledger.advance(); !moves.empty(); moves = ledger.advance())
      for (const auto& m : moves) ledger.applied(m.job, m.grants);
    times.push_back(bench::now() - t0);
  }
  return bench::median(times);
}

/// The fastest of the runs of each size: what else runs on the machine makes a run slower, never faster.
std::vector<double> fastest(const std::vector<std::vector<double>>& runs) {
  std::vector<double> best = runs.front();
  for (const auto& run : runs)
    for (std::size_t i = 0; i < run.size(); ++i) best[i] = std::min(best[i], run[i]);
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int kSlicesAJob = 5, kPlans = 50;
  bench::Report report(
      argc, argv, "control-plane",
      "1,000 slices and 200 jobs that compute nothing in one process: planning, messages, memory, growth.\n"
      "planning_seconds, growth: the ledger alone. running_seconds, growth_cluster: the whole tree of "
      "actors, from\n"
      "the first submission until every job's first step. Growth is the exponent fitted over 125, 250, 500 "
      "and 1000\n"
      "slices, each at its fastest. requests_per_second: questions beside the running jobs. "
      "messages_per_second:\n"
      "while jobs are resized, counted low. --runs N of each size (5).");
  const int runs = report.runs(5);
  const std::vector<double> sizes = {125, 250, 500, 1000};
  std::vector<std::vector<double>> planning, running;
  std::vector<double> plans, starts, requests, resizes, messages, a_slice, a_job;
  for (int run = 0; run < runs; ++run) {
    planning.emplace_back();
    running.emplace_back();
    for (const double slices : sizes) {
      const bool largest = slices == sizes.back();
      const int jobs = static_cast<int>(slices) / kSlicesAJob;
      // first, since it forks: the parent has no threads and little memory
      const auto figures = bench::measure_cluster(jobs, kSlicesAJob, largest ? 2 : 0);
      if (!figures) return 1;
      planning.back().push_back(planning_seconds(jobs, static_cast<int>(slices), kPlans));
      running.back().push_back(figures->running_seconds);
      report.note(fmt::format("{} slices: {:.4f} s a plan, {:.3f} s until all jobs run", slices,
                              planning.back().back(), running.back().back()));
      if (!largest) continue;
      const auto narrow = bench::measure_cluster(jobs, 1, 0);
      if (!narrow) return 1;
      plans.push_back(planning.back().back());
      starts.push_back(figures->running_seconds);
      requests.push_back(figures->requests);
      resizes.push_back(figures->resizes);
      messages.push_back(figures->messages);
      a_slice.push_back((figures->bytes - narrow->bytes) / (jobs * (kSlicesAJob - 1)));
      a_job.push_back(narrow->bytes / jobs - a_slice.back());
    }
  }
  const auto add_growth = [&](const char* name, const std::vector<std::vector<double>>& seconds) {
    const double growth = bench::exponent(sizes, fastest(seconds));
    report.add({name, "exponent", growth, 1.0, false, runs, growth, growth, ""});
  };
  report.add("planning_seconds", "s", plans);
  add_growth("growth", planning);
  report.add("running_seconds", "s", starts);
  add_growth("growth_cluster", running);
  report.add("requests_per_second", "1/s", requests);
  report.add("resizes_per_second", "1/s", resizes);
  report.add("messages_per_second", "1/s", messages);
  report.add("bytes_per_slice", "B", a_slice);
  report.add("bytes_per_job", "B", a_job);
  return report.finish();
}
