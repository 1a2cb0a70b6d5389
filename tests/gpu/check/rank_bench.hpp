#pragma once
// What a process that is a rank has of the one device: it claims to be another host than its fellows, since
// NCCL refuses a device twice else.
#include <string>
#include <thread>
#include <vector>

#include "gpu/cuda/nccl_collective.hpp"
#include "tests/gpu/check/sections.hpp"

namespace troupe::cuda::check {

/// What such a process is started with beside this one's environment.
inline std::vector<std::string> rank_environment(int number) {
  std::vector<std::string> all{"NCCL_HOSTID=troupe-check-" + std::to_string(number)};
  if (std::getenv("NCCL_SOCKET_IFNAME") == nullptr) all.emplace_back("NCCL_SOCKET_IFNAME=lo");
  return all;
}

/// Device 0, entered by the calling thread.
struct RankBench {
  Bench bench;
  std::unique_ptr<ContextTable> aside;  // the whole device again, by another stream
  std::shared_ptr<Nccl> nccl;

  /// `memory`: that its pool may hold.
  RankBench(const std::string& kernels, const std::vector<std::string>& nccl_names, Bytes memory) {
    bench.driver = want(open_driver());
    want(bench.driver->enter(0));
    bench.kernels = std::make_shared<const Kernels>(want(Kernels::open(kernels)));
    bench.cut = want(cut_device(*bench.driver, 0));
    bench.table = want(ContextTable::open(bench.driver, bench.cut, {0, bench.cut->grid.pieces}, 2));
    aside = want(ContextTable::open(bench.driver, bench.cut, {0, bench.cut->grid.pieces}, 2));
    bench.pool = Owned<Pool>(bench.driver, want(bench.driver->make_pool(0, memory)));
    nccl = want(open_nccl(nccl_names));
  }
  std::shared_ptr<DeviceMemory> memory(bool other_stream = false) const {
    return want(make_driver_memory(bench.driver, bench.kernels, bench.pool.get(),
                                   (other_stream ? *aside : *bench.table).now().stream));
  }
  /// `beside`: sums go on a stream of their own, bucket by bucket.
  std::shared_ptr<Collective> end(std::shared_ptr<Collective> host, const NcclCollectiveOptions& options,
                                  bool beside) const {
    const auto detached = [](std::function<void()> f) { std::thread(std::move(f)).detach(); };
    return make_nccl_between({nccl, memory(), detached, beside ? memory(true) : nullptr}, std::move(host),
                             options);
  }
};

}  // namespace troupe::cuda::check
