// [packing] Six real jobs on the machine's cores: under troupe, one by one, all at once, in equal shares.
#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "bench/kind_cluster.hpp"
#include "ops/recorder.hpp"

namespace {
using namespace troupe;

/// How long each kind takes alone on one core, in parts: of unequal length, as real jobs are.
const std::map<std::string, double> kParts = {{"gan8", 1.5}, {"classifier", 1}, {"reader", 2},
                                              {"unet", 3},   {"stream", 4},     {"gan32", 6}};
/// The order in which they are submitted; every other round the other way round, so that it favours nobody.
const std::vector<std::string> kSubmitted = {"unet", "gan8", "gan32", "reader", "classifier", "stream"};
constexpr double kPartSeconds = 2.5, kQuickSeconds = 0.3;

struct Policy {
  const char* name;
  int cores;        // logical ones of the device; those beyond the machine's share its own
  int least, most;  // of a job
  bool shortest_first;
};
/// Two cores each at once: the kernel deals the machine's time out. One each of six: three jobs a core.
const Policy kPolicies[] = {{"troupe", 2, 1, 2, true},
                            {"one_by_one", 2, 2, 2, false},
                            {"all_at_once", 12, 2, 2, false},
                            {"equal_shares", 6, 1, 1, false}};

struct Figures {
  double makespan = 0, completion = 0,
         utilisation = 0;  // seconds; mean seconds; of the machine's core seconds
};

double processor_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

void await_end(Cluster& cluster, double limit) {
  const double until = bench::now() + limit;
  while (!bench::asked(cluster, "status", nlohmann::json::object())["finished"].get<bool>()) {
    if (bench::now() > until) throw std::runtime_error("the jobs do not end");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

class Bench {
 public:
  Bench(const bench::Report& report, double part) : report_(report) {
    // each kind alone, on one core and on both: how many steps are so many seconds, and what a cluster learns
    for (const auto& kind : bench::kKinds) {
      const double one = step_alone(kind, 1), both = step_alone(kind, 2);
      steps_[kind] = std::max<std::int64_t>(10, static_cast<std::int64_t>(part * kParts.at(kind) / one));
      report_.note(fmt::format("{}: {:.1f} ms a step, {:.1f} on two cores, {} steps", kind, 1e3 * one,
                               1e3 * both, steps_[kind]));
    }
    std::filesystem::copy(clusters_.runs(), learned_.path(), kWhole);
  }

  Figures run(const Policy& policy, bool reversed) {
    auto order = kSubmitted;
    if (reversed) std::reverse(order.begin(), order.end());
    std::vector<JobConfig> jobs;
    for (const auto& kind : order)
      jobs.push_back(bench::kind_job(kind, kind, steps_.at(kind), policy.least, policy.most));
    // what is learned on more cores than there are is no guide for those that there are
    std::filesystem::remove_all(clusters_.runs());
    std::filesystem::copy(learned_.path(), clusters_.runs(), kWhole);
    const double used = processor_seconds(), began = bench::now();
    auto cluster = clusters_.start(policy.cores, jobs, policy.shortest_first);
    await_end(*cluster, 1200);
    const double wall = bench::now() - began, busy = processor_seconds() - used;
    bench::asked(*cluster, "shutdown", nlohmann::json::object());
    cluster.reset();
    auto outcome = of_journal(clusters_.run() / "journal.jsonl");
    outcome.utilisation = busy / (wall * static_cast<double>(clusters_.device().cores.size()));
    return outcome;
  }

 private:
  /// Seconds, the median.
  double step_alone(const std::string& kind, int cores) {
    constexpr int kWarm = 5;
    constexpr double kSeconds = 1.5;
    const auto name = fmt::format("{}-alone-on-{}", kind, cores);
    const auto cluster =
        clusters_.start(cores, {bench::kind_job(name, kind, std::int64_t{1} << 40, cores, cores)});
    const auto watch = clusters_.watch(name);
    bench::await_steps(*watch, kWarm, 120, name);
    const double from = bench::now();
    std::this_thread::sleep_for(std::chrono::duration<double>(kSeconds));
    const double step = watch->between(from, bench::now()).seconds;
    bench::asked(*cluster, "stop", {{"job", name}});
    bench::asked(*cluster, "shutdown", nlohmann::json::object());
    return step;
  }
  Figures of_journal(const std::filesystem::path& file) const {
    const auto events = read_journal(file);
    if (!events) throw ErrorException(events.error());
    double first = 0;
    std::map<std::string, double> ends;
    for (const Event& e : *events) {
      if (e.kind == EventKind::job_submitted && (first == 0 || e.unix_time < first)) first = e.unix_time;
      if (e.kind == EventKind::job_finished) ends[e.job] = e.unix_time;
    }
    if (ends.size() != kSubmitted.size()) throw std::runtime_error("not every job was finished");
    Figures outcome;
    std::string line;
    for (const auto& [job, at] : ends) {
      outcome.makespan = std::max(outcome.makespan, at - first);
      outcome.completion += (at - first) / static_cast<double>(ends.size());
      line += fmt::format(" {} {:.1f}", job, at - first);
    }
    report_.note("ended after" + line);
    return outcome;
  }

  static constexpr auto kWhole = std::filesystem::copy_options::recursive;
  const bench::Report& report_;
  bench::KindClusters clusters_;
  const test::TempFolder learned_;  // of each kind alone: what every run begins with
  std::map<std::string, std::int64_t> steps_;
};

using Rounds = std::map<std::string, std::vector<Figures>>;

std::vector<double> each(const std::vector<Figures>& outcomes, double Figures::*what) {
  std::vector<double> values;
  for (const auto& outcome : outcomes) values.push_back(outcome.*what);
  return values;
}

/// Over rounds, half of them in either order: a mean, not a median.
double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

/// The best of the others over ours.
void ratio(bench::Report& report, const Rounds& rounds, const char* name, double Figures::*what,
           double goal) {
  const auto of = [&](const Policy& policy) { return mean(each(rounds.at(policy.name), what)); };
  const auto* best_of_others = std::min_element(std::begin(kPolicies) + 1, std::end(kPolicies),
                                                [&](const auto& a, const auto& b) { return of(a) < of(b); });
  const std::string whose = best_of_others->name;
  const auto ours = each(rounds.at(kPolicies[0].name), what), theirs = each(rounds.at(whose), what);
  std::vector<double> by_round;
  for (std::size_t r = 0; r < ours.size(); ++r) by_round.push_back(theirs[r] / ours[r]);
  const auto [low, high] = std::minmax_element(by_round.begin(), by_round.end());
  report.add(
      {name, "", mean(theirs) / mean(ours), goal, true, static_cast<int>(ours.size()), *low, *high, whose});
}

}  // namespace

int main(int argc, char** argv) {
  bench::Report report(
      argc, argv, "packing",
      "Six real jobs (the GAN at 8x8 and at 32x32, a U-Net, a classifier, one that goes through memory, one "
      "that\n"
      "decodes images), submitted together: mean completion, makespan and utilisation under troupe (order =\n"
      "\"shortest\"), one job at a time on the whole machine, all at once on all cores under the kernel's\n"
      "scheduler, and each pinned to one core beside two others. Interleaved; --runs N rounds (4), each two\n"
      "minutes on a quiet machine; --quick 1: jobs of a tenth, for a look.");
  try {
    const int rounds = report.runs(4);
    Bench bench(report, report.flag("quick") ? kQuickSeconds : kPartSeconds);
    Rounds all;
    for (int r = 0; r < rounds; ++r)
      for (const auto& policy : kPolicies) {
        const Figures o = bench.run(policy, r % 2 == 1);
        report.note(
            fmt::format("round {}, {}: mean completion {:.1f} s, makespan {:.1f} s, utilisation {:.0f} %",
                        r + 1, policy.name, o.completion, o.makespan, 100 * o.utilisation));
        all[policy.name].push_back(o);
      }
    ratio(report, all, "completion_ratio", &Figures::completion, 1.3);
    ratio(report, all, "makespan_ratio", &Figures::makespan, 1.0);
    for (const auto& policy : kPolicies) {
      const std::string name = policy.name;
      report.add("completion_" + name, "s", each(all[name], &Figures::completion));
      report.add("makespan_" + name, "s", each(all[name], &Figures::makespan));
      report.add("utilisation_" + name, "of the cores", each(all[name], &Figures::utilisation));
    }
  } catch (const std::exception& e) {
    return std::fprintf(stderr, "%s\n", e.what()), 1;
  }
  return report.finish();
}
