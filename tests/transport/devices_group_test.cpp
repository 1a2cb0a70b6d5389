// The conformance suite over devices of several processes: what they call they agree on over the data plane,
// elements go over an NCCL that moves bytes between threads, or by way of the host's memory.
#include "gpu/cuda/staged_sums.hpp"
#include "node_group_fixture.hpp"
#include "tests/gpu/collective_suite.hpp"
#include "tests/gpu/fake_devices.hpp"
#include "tests/gpu/ranks/lost_process.hpp"

namespace troupe::test {
namespace {

/// A device a rank, over groups of this layout.
struct OverNccl {
  Layout layout;
  bool exact = true, beside = false;

  Ends operator()(int ranks, double timeout) const {
    auto hosts = layout(ranks, timeout);
    auto devices = cuda::FakeDevices().ends(ranks, beside);
    Ends ends;
    for (std::size_t r = 0; r < hosts.size(); ++r)
      ends.push_back(
          cuda::make_nccl_between(std::move(devices[r]), std::move(hosts[r]),
                                  {.exact = exact, .timeout_seconds = timeout, .bucket = kib(64)}));
    return ends;
  }
};

struct ByWayOfTheHost {
  Layout layout;

  Ends operator()(int ranks, double timeout) const {
    Ends ends;
    for (auto& host : layout(ranks, timeout))
      ends.push_back(
          cuda::make_staged(std::make_shared<cuda::HostMemory>(), std::move(host), timeout, kib(64)));
    return ends;
  }
};

std::string way_name(const testing::TestParamInfo<BackEnd>& info) {
  return std::vector<std::string>{"NcclOfTwoProcesses", "NcclBesideOfThree", "NcclOfARankAProcess",
                                  "NcclFastOfTwo",      "HostOfTwo",         "HostOfThree"}[info.index];
}

INSTANTIATE_TEST_SUITE_P(Devices, CollectiveSuite,
                         testing::Values(OverNccl{Layout(2)}, OverNccl{Layout(3), true, true},
                                         OverNccl{Layout(8)}, BackEnd(OverNccl{Layout(2), false}, false),
                                         ByWayOfTheHost{Layout(2)}, ByWayOfTheHost{Layout(3)}),
                         &way_name);

/// The data plane tells of a process that is gone; NCCL would wait for ever.
TEST(DevicesOfProcesses, ALostProcessIsNamedInTheMiddleOfASum) {
  Planes planes(3);
  auto hosts = make_group(planes, {1, 1, 1}, 20);
  cuda::FakeDevices devices;
  auto parts = devices.ends(3);
  Ends ends;
  for (std::size_t r = 0; r < 3; ++r)
    ends.push_back(cuda::make_nccl_between(std::move(parts[r]), hosts[r], {.timeout_seconds = 20}));
  std::vector<std::vector<float>> ones(3, std::vector<float>(1'000, 1)), outs = ones;
  std::atomic<int> failed{0};
  const auto all_wait_in_nccl = [&] {
    const std::lock_guard lock(devices.world->mutex);
    return devices.world->gathers == 2 * 3;
  };
  on_ranks(3, [&](int r) {
    const auto rank = static_cast<std::size_t>(r);
    const float* at = ones[rank].data();
    const Contribution<float> mine{3, r, {&at, 1}};
    ASSERT_TRUE(ends[rank]->sum(mine, outs[rank].data(), 1'000, 1, true, {}));
    if (r == 1) {  // its device never comes to the next sum
      std::promise<void> never;
      cuda::FakeStream::of(devices.memories[1]->stream()).give([gone = never.get_future().share()] {
        gone.wait();
      });
      std::thread killer([&] {
        while (!all_wait_in_nccl()) std::this_thread::yield();
        planes.destroy(1);
        while (failed < 2) std::this_thread::yield();
        never.set_value();
      });
      EXPECT_FALSE(ends[1]->sum(mine, outs[1].data(), 1'000, 1, true, {}));
      killer.join();
      return;
    }
    const auto told = ends[rank]->sum(mine, outs[rank].data(), 1'000, 1, true, {});
    ++failed;
    ASSERT_FALSE(told);
    EXPECT_EQ(told.error().code, ErrorCode::peer_missing) << told.error().text();
    EXPECT_NE(told.error().text().find("rank 1 of 3"), std::string::npos) << told.error().text();
  });
}

TEST(DevicesOfProcesses, GoOnWithoutOneThatIsKilledInTheMiddleOfASum) {
  const TempFolder folder;
  RankProcesses processes(folder.path().string(), [&](int number) {
    return RankProcesses::Command{
        {TROUPE_DEVICES_WORKER, std::to_string(number), "3", folder.path().string()}, {}};
  });
  lose_one_in_the_middle(processes, folder.path(), [](const std::vector<int>& numbers) {
    std::string way;
    for (const int number : numbers) way += std::to_string(number) + " ";
    return way;
  });
}

}  // namespace
}  // namespace troupe::test
