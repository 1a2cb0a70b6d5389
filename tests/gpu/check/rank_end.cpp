#include <thread>

#include "tests/gpu/check/rank_bench.hpp"

namespace troupe::cuda::check {

std::shared_ptr<Collective> RankBench::end(std::shared_ptr<Collective> host,
                                           const NcclCollectiveOptions& options, bool beside) const {
  const auto detached = [](std::function<void()> f) { std::thread(std::move(f)).detach(); };
  return make_nccl_between({nccl, memory(false), detached, beside ? memory(true) : nullptr}, std::move(host),
                           options);
}

}  // namespace troupe::cuda::check
