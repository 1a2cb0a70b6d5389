#include "tests/gpu/check/rank_bench.hpp"

#include <cstdlib>

namespace troupe::cuda::check {

RankBench open_rank_bench(const std::string& kernels, const std::vector<std::string>& nccl, Bytes memory) {
  RankBench rank;
  Bench& bench = rank.bench;
  bench.driver = want(open_driver());
  want(bench.driver->enter(0));
  bench.kernels = std::make_shared<const Kernels>(want(Kernels::open(kernels)));
  bench.cut = want(cut_device(*bench.driver, 0));
  const auto whole = [&] {
    return want(ContextTable::open(bench.driver, bench.cut, {0, bench.cut->grid.pieces}, 2));
  };
  bench.table = whole();
  const std::shared_ptr<ContextTable> aside = whole();  // the whole device again, by another stream
  bench.pool = Owned<Pool>(bench.driver, want(bench.driver->make_pool(0, memory)));
  rank.nccl = want(open_nccl(nccl));
  rank.memory = [driver = bench.driver, kernels_ = bench.kernels, pool = bench.pool.get(),
                 stream = bench.table->now().stream, aside](bool other_stream) {
    return want(make_driver_memory(driver, kernels_, pool, other_stream ? aside->now().stream : stream));
  };
  return rank;
}

Result<int> look_for_nccl(const std::vector<std::string>& names) {
  const auto there = open_nccl(names);
  if (!there) return fail(there.error());
  return (*there)->version();
}

double patience() { return 1; }
std::vector<int> timed_sums() { return {1, 16, 128}; }

std::vector<std::string> rank_environment(int number) {
  std::vector<std::string> all{"NCCL_HOSTID=troupe-check-" + std::to_string(number)};
  if (std::getenv("NCCL_SOCKET_IFNAME") == nullptr) all.emplace_back("NCCL_SOCKET_IFNAME=lo");
  return all;
}

}  // namespace troupe::cuda::check
