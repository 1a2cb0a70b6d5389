// One change in a full cluster of 10,000 slices and 2,000 jobs, in the ledger alone: how long until the
// assignments that it leads to are known, and how that grows.
#include <fmt/core.h>

#include <ctime>
#include <map>
#include <numeric>

#include "base/error.hpp"
#include "bench/bench.hpp"
#include "predict/ledger.hpp"

using namespace troupe;

namespace {

constexpr int kCoresADevice = 8, kSlicesAJob = 5, kUsers = 20;
constexpr double kGoalSeconds = 0.010;
constexpr int kSizes[] = {1250, 2500, 5000, 10000};  // slices

void good(const Result<void>& result) {
  if (!result) throw ErrorException(result.error());
}

/// A cluster in which every core is a slice that somebody works on, and what happens to it.
class Cluster {
 public:
  Cluster(int slices, int users) : jobs_(slices / kSlicesAJob), users_(users) {
    for (int d = 0; d < slices / kCoresADevice; ++d) ledger_.add_device(device(d));
    for (int j = 0; j < jobs_; ++j) submit();
    settle();
  }

  double demand_changes() {
    const int job = pick();
    return timed([&] { ledger_.set_demand(name(job), demand(++demands_)); });
  }
  double job_comes() {
    const double seconds = timed([&] { submit(); });
    return seconds;
  }
  double job_goes() {
    const int job = pick();
    living_.erase(std::find(living_.begin(), living_.end(), job));
    return timed([&] { ledger_.remove_job(name(job)); });
  }
  double device_is_lost() {
    const int lost = static_cast<int>(next(ledger_.devices().size()));
    DeviceView view = ledger_.devices()[static_cast<std::size_t>(lost)];
    const double seconds = timed([&] { ledger_.remove_device(view.node); });
    ledger_.add_device(std::move(view));
    settle();
    return seconds;
  }

  /// Of the processor, for each change so far: the same where nothing else runs.
  const std::vector<double>& cpu() const { return cpu_; }
  /// The same until all jobs' words are known, too.
  const std::vector<double>& words() const { return words_; }

 private:
  static double cpu_seconds() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  }
  static DeviceView device(int number) {
    DeviceView view{fmt::format("node{}", number), std::vector<int>(kCoresADevice), gib(64)};
    std::iota(view.cores.begin(), view.cores.end(), 0);
    return view;
  }
  static std::string name(int job) { return fmt::format("job{}", job); }
  static Demand demand(int number) { return {"p", mib(64 + number % 7), 0, 0.05 * (1 + number % 6), true}; }
  void submit() {
    JobView view;
    view.name = name(next_job_);
    view.user = fmt::format("user{}", next_job_ % users_);
    view.priority = next_job_ % 3;
    view.order = next_job_;
    view.max_cores = view.slices = kSlicesAJob;
    view.demand = demand(kSlicesAJob);  // it wants all that it may have
    good(ledger_.add_job(std::move(view)));
    living_.push_back(next_job_++);
  }
  /// From the change until it is known who is told what; then they do as they are told.
  template <class Change>
  double timed(Change change) {
    const double began = bench::now(), cpu_began = cpu_seconds();
    change();
    const auto moves = ledger_.advance();
    cpu_.push_back(cpu_seconds() - cpu_began);
    const double seconds = bench::now() - began;
    ledger_.plan();
    words_.push_back(cpu_seconds() - cpu_began);
    for (const auto& move : moves) ledger_.applied(move.job, move.grants);
    settle();
    return seconds;
  }
  void settle() {
    for (auto moves = ledger_.advance(); !moves.empty(); moves = ledger_.advance())
      for (const auto& move : moves) ledger_.applied(move.job, move.grants);
  }
  std::size_t next(std::size_t below) {
    random_ = random_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::size_t>(random_ >> 33U) % below;
  }
  int pick() { return living_[next(living_.size())]; }

  Ledger ledger_;
  std::vector<double> cpu_, words_;
  int jobs_, users_, next_job_ = 0, demands_ = 0;
  std::vector<int> living_;
  std::uint64_t random_ = 1;
};

}  // namespace

int main(int argc, char** argv) {
  bench::Report report(
      argc, argv, "planner",
      "10,000 slices of 2,000 jobs on 1,250 devices of 8 cores, all in use. One change: a job needs more or "
      "less, one is\n"
      "submitted, one is gone, a device is lost. Seconds from the change until it is known who is told what: "
      "the median\n"
      "and the 99th percentile over all four, and the median of each. growth: exponent over 1,250, 2,500, "
      "5,000 and\n"
      "10,000 slices. --runs N changes of each kind (50). --users N that submit them (20).");
  const int runs = report.runs(50);
  const int users = std::max(1, std::atoi(report.flag("users").value_or(std::to_string(kUsers)).c_str()));
  std::vector<double> sizes, medians, all, cpu, words, cpu_medians;
  std::map<std::string, std::vector<double>> by_kind;
  try {
    for (const int slices : kSizes) {
      Cluster cluster(slices, users);
      all.clear();
      by_kind.clear();
      for (int run = 0; run < runs; ++run) {
        by_kind["demand_seconds"].push_back(cluster.demand_changes());
        by_kind["submitted_seconds"].push_back(cluster.job_comes());
        by_kind["gone_seconds"].push_back(cluster.job_goes());
        by_kind["lost_seconds"].push_back(cluster.device_is_lost());
      }
      for (const auto& [kind, seconds] : by_kind) all.insert(all.end(), seconds.begin(), seconds.end());
      cpu = cluster.cpu();
      words = cluster.words();
      cpu_medians.push_back(bench::median(cpu));
      sizes.push_back(slices);
      medians.push_back(bench::median(all));
      report.note(fmt::format("{} slices: median {:.2f} ms, p99 {:.2f} ms", slices, medians.back() * 1e3,
                              bench::percentile(all, 99) * 1e3));
    }
  } catch (const std::exception& e) {
    return std::fprintf(stderr, "planner: error: %s\n", e.what()), 1;
  }
  report.add("seconds", "s", all, kGoalSeconds, false);
  const double p99 = bench::percentile(all, 99);
  report.add({"p99_seconds", "s", p99, kGoalSeconds, false, static_cast<int>(all.size()), p99, p99, ""});
  report.add("cpu_seconds", "s", cpu, {}, false, "of the processor: what it takes on a quiet machine");
  const double cpu99 = bench::percentile(cpu, 99);
  report.add({"p99_cpu_seconds", "s", cpu99, {}, false, static_cast<int>(cpu.size()), cpu99, cpu99, ""});
  report.add("words_cpu_seconds", "s", words, {}, false,
             "the same, until why each job waits is in words, too");
  for (const auto& [kind, seconds] : by_kind) report.add(kind, "s", seconds);
  const double growth = bench::exponent(sizes, medians);
  report.add({"growth", "exponent", growth, 1.0, false, static_cast<int>(sizes.size()), growth, growth, ""});
  const double cpu_growth = bench::exponent(sizes, cpu_medians);
  report.add({"cpu_growth",
              "exponent",
              cpu_growth,
              {},
              false,
              static_cast<int>(sizes.size()),
              cpu_growth,
              cpu_growth,
              ""});
  return report.finish();
}
