// [reducer] The in-process sum against a plain memcpy by the same two threads, turn about, bytes counted
// alike (read plus written).
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "bench/bench.hpp"
#include "gpu/collective.hpp"
#include "gpu/cpu_slice.hpp"
#include "gpu/devices.hpp"
#include "gpu/parallel.hpp"

namespace {
using namespace troupe;
using Seconds = std::chrono::duration<double>;
constexpr int kRanks = 2;

struct Case {
  std::size_t n;
  int members;
  bool shared_out;
};
struct Figures {
  std::vector<double> ratio, sum, copy, microseconds;
};

/// One rank: alternates `turns` batches of sums and of copies, each bracketed by barriers.
void rank_main(int rank, const Core& core, Collective& end, const Case& c,
               std::vector<std::vector<float>>& members, std::vector<std::vector<float>>& outs, int turns,
               Figures* figures) {
  CpuSlice slice({core}, std::make_shared<Account>("bench", gib(64)), {});
  const int own = c.members / kRanks;
  std::vector<const float*> mine;
  for (int m = rank * own; m < (rank + 1) * own; ++m)
    mine.push_back(members[static_cast<std::size_t>(m)].data());
  float* out = outs[c.shared_out ? 0 : static_cast<std::size_t>(rank)].data();
  const int repeats = static_cast<int>(std::max<std::size_t>(3, (std::size_t{24} << 20) / c.n));
  const auto timed = [&](auto&& f) {
    end.barrier();
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < repeats; ++i) f();
    end.barrier();
    return Seconds(std::chrono::steady_clock::now() - start).count() / repeats;
  };
  const std::size_t begin = c.n * static_cast<std::size_t>(rank) / kRanks;
  const std::size_t half = c.n * (static_cast<std::size_t>(rank) + 1) / kRanks - begin;
  slice.run([&](int) {
    for (int turn = -1; turn < turns; ++turn) {  // the first one warms up
      const auto before = end.bytes();
      const double sum = timed([&] { end.sum({c.members, rank * own, mine}, out, c.n, 0.5f, true, {}); });
      const double bytes = kRanks * static_cast<double>(end.bytes() - before) / repeats;
      const double copy =
          timed([&] { std::memcpy(outs[0].data() + begin, members[0].data() + begin, half * 4); });
      if (turn < 0 || !figures) continue;
      const double copied = 8.0 * static_cast<double>(c.n);
      figures->sum.push_back(bytes / sum / 1e9);
      figures->copy.push_back(copied / copy / 1e9);
      figures->ratio.push_back(bytes / sum / (copied / copy));
      figures->microseconds.push_back(sum * 1e6);
    }
  });
}

Figures measure(const std::vector<Core>& cores, const Case& c, int turns) {
  auto ends = make_in_process(kRanks, 60);
  std::vector<std::vector<float>> members(static_cast<std::size_t>(c.members),
                                          std::vector<float>(c.n, 1.25f));
  std::vector<std::vector<float>> outs(kRanks, std::vector<float>(c.n));
  Figures figures;
  std::thread other(
      [&] { rank_main(1, cores[1 % cores.size()], *ends[1], c, members, outs, turns, nullptr); });
  rank_main(0, cores[0], *ends[0], c, members, outs, turns, &figures);
  other.join();
  return figures;
}

/// From run() to all workers having run, with nothing to do.
std::vector<double> dispatch(const std::vector<Core>& cores, int turns) {
  CpuSlice slice({cores.begin(), cores.begin() + std::min<std::ptrdiff_t>(2, std::ssize(cores))},
                 std::make_shared<Account>("bench", gib(1)), {});
  std::vector<double> samples;
  for (int turn = -1; turn < turns; ++turn) {
    constexpr int kCalls = 2'000;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kCalls; ++i) slice.run([](int) {});
    if (turn >= 0)
      samples.push_back(Seconds(std::chrono::steady_clock::now() - start).count() / kCalls * 1e6);
  }
  return samples;
}

}  // namespace

int main(int argc, char** argv) {
  bench::Report report(
      argc, argv, "reducer",
      "Two ranks, a core each, sum float32 buffers in the fixed tree; a memcpy by the same threads takes "
      "turns with it. Bytes are those read plus those written.");
  const auto device = discover_cpu();
  if (!device) return fmt::print(stderr, "{}\n", device.error().text()), 1;
  if (device->cores.size() < 2) report.note("only one core: both ranks share it");
  const int turns = report.runs(9);
  constexpr std::size_t kMi = std::size_t{1} << 20;
  const struct {
    const char* suffix;
    Case shape;
  } cases[] = {{"", {25 * kMi / 4, 2, true}},
               {"_25MiB_4_members", {25 * kMi / 4, 4, true}},
               {"_25MiB_8_members", {25 * kMi / 4, 8, true}},
               {"_25MiB_own_outputs", {25 * kMi / 4, 2, false}},
               {"_1MiB", {kMi / 4, 2, true}},
               {"_1MiB_4_members", {kMi / 4, 4, true}},
               {"_64KiB_4_members", {kMi / 64, 4, true}}};
  for (const auto& c : cases) {
    const auto figures = measure(device->cores, c.shape, turns);
    const bool main_one = c.suffix[0] == '\0';
    report.add(fmt::format("ratio{}", c.suffix), "of memcpy", figures.ratio,
               main_one ? std::optional<double>(0.75) : std::nullopt, true, "memcpy, same threads and bytes");
    report.add(fmt::format("sum{}", c.suffix), "GB/s", figures.sum);
    report.add(fmt::format("memcpy{}", c.suffix), "GB/s", figures.copy);
    report.add(fmt::format("time{}", c.suffix), "us", figures.microseconds);
  }
  report.add("dispatch", "us", dispatch(device->cores, turns));
  return report.finish();
}
