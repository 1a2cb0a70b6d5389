// [interference] How much jobs of six kinds slow each other down, told beforehand and measured.
#include "predict/interference.hpp"

#include <fmt/core.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <thread>

#include "bench/kind_cluster.hpp"

namespace {
using namespace troupe;
using bench::Watch;

constexpr std::int64_t kForEver = std::int64_t{1} << 40;
constexpr double kLimit = 120;  // seconds within which a job must begin

struct Timing {
  double settle = 0.15, window = 0.6;  // seconds: after a gate moved, and that count
  int least_steps = 8;                 // for which a window is made longer
  bool processor = false;              // count the processor's time instead of the wall's
};

/// Two jobs in a running cluster, each on a core of its own.
class Pair {
 public:
  Pair(bench::KindClusters& clusters, Cluster& cluster, const std::string& a, const std::string& b,
       const std::string& tag)
      : cluster_(cluster), names_{tag + "-a", tag + "-b"} {
    const std::string kinds[] = {a, b};
    for (int i = 0; i < 2; ++i) {
      const auto job = bench::kind_job(names_[i], kinds[i], kForEver, 1, 1);
      watches_[i] = clusters.watch(names_[i]);
      bench::asked(cluster, "submit", {{"toml", to_toml(job)}, {"file", "job.toml"}});
    }
    for (int i = 0; i < 2; ++i) bench::await_steps(*watches_[i], 3, kLimit, kinds[i]);
  }
  ~Pair() {
    for (const auto& watch : watches_) watch->gate(true);
    for (const auto& name : names_) bench::asked(cluster_, "stop", {{"job", name}});
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  /// Steps of both while these run and the others wait.
  std::pair<Watch::Seen, Watch::Seen> look(bool first, bool second, const Timing& timing) {
    watches_[0]->gate(first);
    watches_[1]->gate(second);
    pause(timing.settle);
    const double from = bench::now();
    pause(timing.window);
    const bool open[] = {first, second};
    for (int i = 0; i < 2; ++i)
      while (open[i] && watches_[i]->between(from, bench::now()).steps < timing.least_steps &&
             bench::now() < from + kLimit)
        pause(timing.window / 10);
    const double to = bench::now();
    return {watches_[0]->between(from, to), watches_[1]->between(from, to)};
  }

 private:
  static void pause(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }
  Cluster& cluster_;
  std::string names_[2];
  std::shared_ptr<Watch> watches_[2];
};

/// Of one kind beside another: what was seen, round by round.
struct Beside {
  std::vector<double> slowdowns;
};

class Bench {
 public:
  explicit Bench(bench::Report& report) : report_(report) {
    if (report.flag("quick")) timing_ = {0.05, 0.15, 3};
    timing_.processor = report.flag("processor-time").has_value();
    for (const auto& kind : bench::kKinds) {
      bench::KindClusters& c = clusters_;
      JobConfig job = bench::kind_job(kind, kind, 1, 1, 1);
      ProgramContext context{job, c.runs(), 2, {}};
      auto program = c.kinds().at(kind)(context);
      if (!program) throw ErrorException(program.error());
      forecasts_[kind] = (*program)->forecast(0).value_or(PhaseForecast{});
    }
    cluster_ = clusters_.start(2, {});
  }
  ~Bench() { bench::asked(*cluster_, "shutdown", nlohmann::json::object()); }

  void round(int number) {
    const auto& kinds = bench::kKinds;
    for (std::size_t a = 0; a < kinds.size(); ++a)
      for (std::size_t b = a; b < kinds.size(); ++b) measure(kinds[a], kinds[b], number);
  }

  /// The first half of the rounds corrects, the other half is held against it.
  void tell(int rounds) {
    const auto learning = static_cast<std::size_t>(rounds / 2);
    Interference known;
    for (const auto& [pair, seen] : seen_)
      for (std::size_t r = 0; r < std::min(learning, seen.slowdowns.size()); ++r)
        known.learn(who(pair.first), who(pair.second), forecast(pair), seen.slowdowns[r]);
    std::vector<double> before, after, measured_all;
    report_.note("| job | beside | told | corrected | measured |\n|---|---|---|---|---|");
    for (const auto& [pair, seen] : seen_) {
      if (seen.slowdowns.size() <= learning) continue;
      const double told = forecast(pair),
                   corrected = known.corrected(who(pair.first), who(pair.second), told);
      const double measured = bench::median(
          {seen.slowdowns.begin() + static_cast<std::ptrdiff_t>(learning), seen.slowdowns.end()});
      before.push_back(std::abs(told - measured) / measured);
      after.push_back(std::abs(corrected - measured) / measured);
      measured_all.push_back(measured);
      report_.note(fmt::format("| {} | {} | {:.2f} | {:.2f} | {:.2f} |", pair.first, pair.second, told,
                               corrected, measured));
    }
    add("mean_error", after, 0.10);
    add("mean_error_before", before, {});
    report_.add({"worst_error",
                 "",
                 bench::percentile(after, 100),
                 {},
                 false,
                 static_cast<int>(after.size()),
                 0,
                 0,
                 ""});
    report_.add("slowdown", "of the step alone", measured_all);
  }

 private:
  using Kinds = std::pair<std::string, std::string>;  // me, beside whom

  static Neighbour who(const std::string& kind) { return {kind, "all", 1}; }

  StepProfile profile(const std::string& kind) const {
    const auto& waits = waiting_.at(kind);
    return profile_of(forecasts_.at(kind), clusters_.rates(), 1, bench::median(waits));
  }
  double forecast(const Kinds& pair) const {
    return slowdown(profile(pair.first), profile(pair.second), clusters_.rates());
  }

  void measure(const std::string& a, const std::string& b, int round) {
    Pair pair(clusters_, *cluster_, a, b, fmt::format("r{}-{}-{}", round, a, b));
    // alone, together, together, alone: what drifts meanwhile does so on both sides
    const auto alone_a = pair.look(true, false, timing_).first;
    const auto both = pair.look(true, true, timing_);
    const auto alone_b = pair.look(false, true, timing_).second;
    const auto again = pair.look(true, true, timing_);
    const auto alone_a2 = pair.look(true, false, timing_).first;
    waiting_[a].push_back(alone_a.waiting);
    waiting_[b].push_back(alone_b.waiting);
    const auto mean = [](double x, double y) { return x > 0 && y > 0 ? (x + y) / 2 : std::max(x, y); };
    const auto of = [this](const Watch::Seen& s) {
      return timing_.processor ? s.processor_seconds : s.seconds;
    };
    keep({a, b}, mean(of(both.first), of(again.first)), mean(of(alone_a), of(alone_a2)));
    if (a != b) keep({b, a}, mean(of(both.second), of(again.second)), of(alone_b));
  }
  void keep(const Kinds& pair, double together, double alone) {
    if (together > 0 && alone > 0) seen_[pair].slowdowns.push_back(together / alone);
    if (!(together > 0 && alone > 0)) report_.note(pair.first + " beside " + pair.second + ": too few steps");
  }
  void add(const std::string& name, const std::vector<double>& errors, std::optional<double> goal) {
    double sum = 0;
    for (const double e : errors) sum += e;
    const double mean = errors.empty() ? 0 : sum / static_cast<double>(errors.size());
    report_.add({name, "of the slowdown", mean, goal, false, static_cast<int>(errors.size()),
                 bench::percentile(errors, 0), bench::percentile(errors, 100), ""});
  }

  bench::Report& report_;
  Timing timing_;
  bench::KindClusters clusters_;
  std::unique_ptr<Cluster> cluster_;
  std::map<std::string, PhaseForecast> forecasts_;
  std::map<std::string, std::vector<double>> waiting_;  // alone
  std::map<Kinds, Beside> seen_;
};

}  // namespace

int main(int argc, char** argv) {
  bench::Report report(
      argc, argv, "interference",
      "Real jobs of six kinds in a running cluster, two at a time, each on a core of its own: what a step "
      "takes\n"
      "beside the other over what it takes alone, for all 21 pairs. Told from both jobs' work and the "
      "device's\n"
      "rates, then corrected by the first half of the rounds, against the other half. --runs N rounds (4), "
      "a\n"
      "minute and a half each on a quiet machine; --quick 1: windows of a quarter, for a look.\n"
      "--processor-time 1: steps by the processor's time, for a machine that is busy elsewhere too.");
  try {
    const int rounds = std::max(2, report.runs(4));
    Bench bench(report);
    for (int r = 0; r < rounds; ++r) {
      report.note(fmt::format("round {} of {}", r + 1, rounds));
      bench.round(r);
    }
    bench.tell(rounds);
  } catch (const std::exception& e) {
    return std::fprintf(stderr, "%s\n", e.what()), 1;
  }
  return report.finish();
}
