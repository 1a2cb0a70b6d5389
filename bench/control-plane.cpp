// A head with many slices and jobs that compute nothing: what a plan costs, how many messages pass, how it
// grows.
#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <thread>

#include "bench/bench.hpp"
#include "predict/ledger.hpp"
#include "tests/actors/harness.hpp"

using namespace troupe;

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double total = 0, resident = 0;
  statm >> total >> resident;
  return resident * 4096;
}

/// Plans `jobs` jobs anew over `slices` cores in ten devices after one job's demand changed.
double planning_seconds(int jobs, int slices, int repeats) {
  Ledger ledger;
  for (int d = 0; d < 10; ++d) {
    DeviceView view{"node" + std::to_string(d), {}, gib(64)};
    for (int c = 0; c < slices / 10; ++c) view.cores.push_back(c);
    ledger.add_device(view);
  }
  for (int j = 0; j < jobs; ++j) {
    JobView view{.name = "job" + std::to_string(j),
                 .priority = j % 3,
                 .order = j,
                 .min_cores = 1,
                 .max_cores = slices / jobs,
                 .slices = slices / jobs,
                 .memory = {},
                 .demand = {"p", mib(64), 0, 1.0, true},
                 .pinned_cores = {},
                 .held = {}};
    if (auto added = ledger.add_job(view); !added) std::fprintf(stderr, "%s\n", added.error().text().c_str());
  }
  for (auto moves = ledger.advance(); !moves.empty(); moves = ledger.advance())
    for (const auto& m : moves) ledger.applied(m.job, m.grants);
  std::vector<double> times;
  for (int i = 0; i < repeats; ++i) {
    const double t0 = now();
    ledger.set_demand("job" + std::to_string(i % jobs), {"p", mib(64 + i % 7), 0, 0.01 * (1 + i % 5), true});
    for (auto moves = ledger.advance(); !moves.empty(); moves = ledger.advance())
      for (const auto& m : moves) ledger.applied(m.job, m.grants);
    times.push_back(now() - t0);
  }
  return bench::median(times);
}

/// Slope of log(seconds) over log(size): 1 is linear.
double exponent(const std::vector<double>& sizes, const std::vector<double>& seconds) {
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  const auto n = static_cast<double>(sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const double x = std::log(sizes[i]), y = std::log(seconds[i]);
    sx += x, sy += y, sxx += x * x, sxy += x * y;
  }
  return (n * sxy - sx * sy) / (n * sxx - sx * sx);
}

}  // namespace

int main(int argc, char** argv) {
  bench::Report report(argc, argv, "control-plane",
                       "Planning with up to 1,000 slices and 200 jobs in one process, requests a second "
                       "through the supervisor,\n"
                       "resident memory. --runs N repeats of a plan.");
  const int repeats = report.runs(200);
  std::vector<double> sizes, seconds;
  for (int slices : {125, 250, 500, 1000}) {
    sizes.push_back(slices);
    seconds.push_back(planning_seconds(slices / 5, slices, repeats));
  }
  report.add(
      {"planning_seconds", "s", seconds.back(), {}, false, repeats, seconds.back(), seconds.back(), ""});
  report.add({"growth", "exponent", exponent(sizes, seconds), 1.0, false, repeats, 0, 0, ""});

  const double before = resident_bytes();
  toy::TempFolder folder;
  auto options = toy::options_of(
      folder.path, {},
      {.generators = 1, .shards = 1, .phases = 1, .steps_per_phase = 1 << 30, .parameters = 1}, 1);
  options.device.cores.clear();  // no core: every job waits, and is told why
  for (int c = 0; c < 2; ++c) options.device.cores.push_back({c, c, 0, c});
  auto started = Cluster::start(std::move(options));
  if (!started) return std::fprintf(stderr, "%s\n", started.error().text().c_str()), 1;
  Cluster& cluster = **started;
  const double t0 = now();
  for (int j = 0; j < 200; ++j) {
    auto job = toy::toy_job("job" + std::to_string(j));
    if (auto r = cluster.request("submit", {{"toml", to_toml(job)}, {"file", "job.toml"}}); !r)
      return std::fprintf(stderr, "%s\n", r.error().text().c_str()), 1;
  }
  const double submitted = now() - t0;
  const double t1 = now();
  int asked = 0;
  for (; now() - t1 < 2; ++asked)
    if (!cluster.request("status", nlohmann::json::object())) return 1;
  report.add({"submits_per_second", "1/s", 200 / submitted, {}, true, 1, 0, 0, ""});
  report.add({"requests_per_second", "1/s", asked / (now() - t1), {}, true, 1, 0, 0, ""});
  report.add({"bytes_per_job", "B", (resident_bytes() - before) / 200, {}, false, 1, 0, 0, ""});
  (void)cluster.request("shutdown", nlohmann::json::object());
  return report.finish();
}
