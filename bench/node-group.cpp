// [node-group] The sum of 25 MiB of floats over 2 and 4 processes on tcp's loopback, exact and (built with
// LibTorch) fast, beside what copying as much costs.
#include <fmt/core.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "bench/bench.hpp"
#include "bench/processes.hpp"
#include "transport/node_group.hpp"
#ifdef BENCH_HAS_TORCH
#include "gpu/gloo_sum.hpp"
#endif

namespace {
using namespace troupe;
using bench::must, bench::some_port;

constexpr std::size_t kElements = (std::size_t{25} << 20) / sizeof(float);
constexpr double kPatience = 60;

std::string name(std::size_t process) { return "p" + std::to_string(process); }

/// Process `self` of the group: `runs` sums and one to warm up, each behind a barrier. Seconds of each.
std::vector<double> sums(const std::vector<std::string>& endpoints, std::size_t self, int runs,
                         const MakeProcessSum& make_fast, const std::function<void()>& at_end) {
  DataPlaneOptions options;
  options.name = name(self);
  options.cluster = "bench";
  options.bind = endpoints[self];
  options.unencrypted = true;
  options.failure_timeout = kPatience;
  const auto plane = must(DataPlane::start(options));
  NodeGroupOptions group;
  group.self = name(self);
  group.timeout_seconds = kPatience;
  group.fast = make_fast != nullptr;
  group.fast_from = Bytes{0};
  for (std::size_t p = 0; p < endpoints.size(); ++p) {
    group.processes.push_back({name(p), 1});
    if (p != self) must(plane->add_peer({name(p), endpoints[p], ""}));
  }
  for (std::size_t p = 0; p < endpoints.size(); ++p)
    if (p != self) must(plane->wait_for(name(p), kPatience));
  auto ends = must(make_node_group(*plane, group, make_fast));
  const std::vector<float> mine(kElements, static_cast<float>(self + 1));
  std::vector<float> out(kElements);
  const auto count = static_cast<int>(endpoints.size());
  const float* buffer = mine.data();
  std::vector<double> seconds;
  for (int run = -1; run < runs; ++run) {
    must(ends[0]->barrier());
    const double start = bench::now();
    must(ends[0]->sum({count, static_cast<int>(self), {&buffer, 1}}, out.data(), kElements, 1.0f, true, {}));
    if (run >= 0) seconds.push_back(bench::now() - start);
  }
  must(ends[0]->barrier());
  if (out[kElements - 1] != static_cast<float>(count * (count + 1) / 2)) std::abort();
  at_end();  // while the plane stands: with it go words that are still on their way
  return seconds;
}

/// Forked before this process has threads. Seconds of each sum.
std::vector<double> measure(bench::Report& report, std::size_t processes, int runs,
                            const MakeProcessSum& make_fast) {
  std::vector<std::string> endpoints;
  for (std::size_t p = 0; p < processes; ++p) endpoints.push_back(some_port());
  std::vector<pid_t> children;
  for (std::size_t p = 1; p < processes; ++p) {
    children.push_back(::fork());
    if (children.back() != 0) continue;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sums(endpoints, p, runs, make_fast, [] { ::pause(); });
    std::_Exit(0);
  }
  const auto seconds = sums(endpoints, 0, runs, make_fast, [&] {
    for (const auto child : children) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
  });
  std::vector<double> speed;
  for (const double s : seconds) speed.push_back(kElements * sizeof(float) / s / 1e9);
  const char* const order = make_fast ? "fast_" : "";
  report.add(fmt::format("{}sum_seconds_{}", order, processes), "s", seconds, {}, false,
             make_fast ? "Gloo's ring, by reduction = \"fast\""
                       : "Gloo by itself: 0.020-0.023 for 2, 0.046-0.052 for 4, quiet");
  report.add(fmt::format("{}gigabytes_per_second_{}", order, processes), "GB/s", speed);
  return seconds;
}

/// The exact sum, and the fast one where there is one.
void compare(bench::Report& report, std::size_t processes, int runs) {
  auto exact = measure(report, processes, runs, {});
#ifdef BENCH_HAS_TORCH
  // A maker of its own, whose threads are gone before the next processes are forked.
  auto fast = measure(report, processes, runs, gloo_sums());
  const auto median = [](std::vector<double>& all) {
    std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2), all.end());
    return all[all.size() / 2];
  };
  report.add(fmt::format("exact_by_fast_{}", processes), "ratio", {median(exact) / median(fast)});
#endif
}

void copies(bench::Report& report, int runs) {
  std::vector<float> from(kElements, 1.0f), to(kElements);
  std::vector<double> seconds;
  for (int run = -1; run < runs; ++run) {
    const double start = bench::now();
    std::memcpy(to.data(), from.data(), kElements * sizeof(float));
    if (run >= 0) seconds.push_back(bench::now() - start);
  }
  if (to[kElements - 1] != 1.0f) std::abort();
  report.add("copy_seconds", "s", seconds, {}, false, "memcpy of as much, one thread");
}

}  // namespace

int main(int argc, char** argv) {
  bench::Report report(
      argc, argv, "node-group",
      "Seconds of the exact and the fast sum of 25 MiB of floats over 2 and 4 processes, one rank and one "
      "member each, on tcp's loopback, unencrypted; beside memcpy.");
  const int runs = report.runs(15);
  compare(report, 2, runs);
  compare(report, 4, runs);
  copies(report, runs);
  return report.finish();
}
