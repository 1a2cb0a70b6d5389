// A rank's process for tests without GPUs: fake_rank_worker NAME FOLDER. Ways of a group: "exact", "fast",
// "staged".
#include "gpu/cuda/staged_sums.hpp"
#include "gpu/cuda/sums_between.hpp"
#include "tests/gpu/ranks/shared_host.hpp"
#include "tests/gpu/ranks/shared_nccl.hpp"
#include "tests/gpu/ranks/worker.hpp"

int main(int count, char** given) {
  using namespace troupe;
  using namespace troupe::cuda;
  if (count != 3) return 2;
  const std::string name = given[1], folder = given[2];
  const auto nccl = std::make_shared<SharedNccl>(folder, name);
  HostMemory values;
  test::serve_rank(values, [&](const test::GroupOrder& order) -> std::shared_ptr<Collective> {
    auto host = test::open_shared_host(order.file, order.rank, order.ranks, order.timeout_seconds);
    auto memory = std::make_shared<HostMemory>();
    if (order.way == "staged")
      return make_staged(std::move(memory), std::move(host), order.timeout_seconds, kib(64));
    const auto detached = [](std::function<void()> f) { std::thread(std::move(f)).detach(); };
    return make_nccl_between(
        {nccl, std::move(memory), detached}, std::move(host),
        {.exact = order.way == "exact", .timeout_seconds = order.timeout_seconds, .bucket = kib(64)});
  });
  return 0;
}
