// The collective over the devices of this process: exact sums with the host's bits, fast ones, on one device
// or all.
#include <numeric>

#include "gpu/cuda/nccl_collective.hpp"
#include "tests/gpu/check/sections.hpp"
#include "tests/gpu/collective_reference.hpp"

namespace troupe::cuda::check {
namespace {

/// One rank's thread: a device, entered.
Bench bench_of(Bench& first, int device) {
  want(first.driver->enter(device));
  Bench bench;
  bench.driver = first.driver;
  bench.kernels = first.kernels;
  bench.cut = want(cut_device(*first.driver, device));
  bench.table = want(ContextTable::open(bench.driver, bench.cut, {0, bench.cut->grid.pieces}, 2));
  bench.pool = Owned<Pool>(bench.driver, want(bench.driver->make_pool(device, gib(1))));
  return bench;
}

/// Whether every rank's sum over `members` has the bits of the reference.
std::string sum_on(std::vector<Bench>& benches, const std::vector<std::shared_ptr<Collective>>& ends,
                   int members, std::size_t n, bool exact) {
  const int ranks = static_cast<int>(ends.size());
  const auto values =
      exact ? test::random_members<float>(members, n) : test::whole_members<float>(members, n);
  const auto expected = test::reference_sum(values, n, 0.5F);
  const auto runs = split_shards(members, std::vector<int>(ends.size(), 1));
  std::vector<std::string> wrong(ends.size());
  test::on_ranks(ranks, [&](int r) {
    const auto rank = static_cast<std::size_t>(r);
    try {
      Bench& bench = benches[rank];
      want(bench.driver->enter(r));
      std::vector<std::unique_ptr<Array<float>>> mine;
      std::vector<const float*> at;
      for (int m = runs[rank].first; m < runs[rank].first + runs[rank].count; ++m) {
        mine.push_back(std::make_unique<Array<float>>(bench, values[static_cast<std::size_t>(m)]));
        at.push_back(mine.back()->data());
      }
      Array<float> out(bench, n);
      want(ends[rank]->sum({members, runs[rank].first, at}, out.data(), n, 0.5F, true, {}));
      if (!test::same_bits<float>(out.values(), expected))
        wrong[rank] = "rank " + std::to_string(r) + " has other bits";
    } catch (const ErrorException& e) {
      wrong[rank] = e.what();
      ends[rank]->abort(e.what());
    }
  });
  return std::accumulate(wrong.begin(), wrong.end(), std::string());
}

}  // namespace

void check_collective(Bench& first, const std::vector<std::string>& names, Report& report) {
  if (!first.kernels) return report.not_run("the collective over devices", "the kernels are not built");
  const int devices = want(first.driver->devices());
  const auto nccl = devices > 1 ? open_nccl(names) : fail({ErrorCode::not_found, "one device needs none"});
  if (devices > 1 && !nccl) return report.failed("NCCL", nccl.error());
  for (const bool exact : {true, false}) {
    std::vector<Bench> benches;
    std::vector<NcclEnd> ends;
    for (int d = 0; d < devices; ++d) benches.push_back(bench_of(first, d));
    for (int d = 0; d < devices; ++d) {
      auto& b = benches[static_cast<std::size_t>(d)];
      auto memory = want(make_driver_memory(b.driver, b.kernels, b.pool.get(), b.table->now().stream));
      ends.push_back({nccl ? *nccl : nullptr, std::move(memory),
                      [](std::function<void()> f) { std::thread(std::move(f)).detach(); }});
    }
    const auto made = want(make_nccl(std::move(ends), {.exact = exact}));
    for (const auto& [members, n] : {std::pair{1, 1u}, {7, 4'099u}, {16, 5'000'011u}}) {
      const std::string wrong = sum_on(benches, made, members, n, exact);
      report.must(std::string(exact ? "exact" : "fast") + " sum of " + std::to_string(members) + " x " +
                      std::to_string(n) + " on " + std::to_string(devices) + " device(s)",
                  wrong.empty(), wrong);
    }
  }
  want(first.driver->enter(0));
}

}  // namespace troupe::cuda::check
