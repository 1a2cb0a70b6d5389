#include "gpu/cuda/nccl_collective.hpp"

#include <gmock/gmock.h>

#include "gpu/cuda/staged_sums.hpp"
#include "tests/gpu/collective_suite.hpp"
#include "tests/gpu/fake_devices.hpp"

namespace troupe::cuda {
namespace {

using test::Ends;
using testing::HasSubstr;

struct Devices : FakeDevices {
  Ends make(int ranks, NcclCollectiveOptions options) {
    auto made = make_nccl(ends(ranks), options);
    EXPECT_TRUE(made.has_value());
    return made.value_or(Ends());
  }
};

Ends exact(int ranks, double timeout) { return Devices().make(ranks, {.timeout_seconds = timeout}); }
Ends in_small_buckets(int ranks, double timeout) {
  return Devices().make(ranks, {.timeout_seconds = timeout, .bucket = kib(32)});
}
Ends fast(int ranks, double timeout) {
  return Devices().make(ranks, {.exact = false, .timeout_seconds = timeout});
}
Ends beside(int ranks, double timeout) {
  return make_nccl(Devices().ends(ranks, true), {.timeout_seconds = timeout, .bucket = kib(32)})
      .value_or(Ends());
}
Ends staged(int ranks, double timeout) {
  Ends ends;
  for (auto& host : make_in_process(ranks, timeout))
    ends.push_back(make_staged(std::make_shared<HostMemory>(), std::move(host), timeout, kib(32)));
  return ends;
}

}  // namespace
}  // namespace troupe::cuda

namespace troupe::test {

INSTANTIATE_TEST_SUITE_P(NcclExact, CollectiveSuite, testing::Values(BackEnd(&cuda::exact)));
INSTANTIATE_TEST_SUITE_P(NcclExactBuckets, CollectiveSuite,
                         testing::Values(BackEnd(&cuda::in_small_buckets)));
INSTANTIATE_TEST_SUITE_P(NcclBeside, CollectiveSuite, testing::Values(BackEnd(&cuda::beside)));
INSTANTIATE_TEST_SUITE_P(Staged, CollectiveSuite, testing::Values(BackEnd(&cuda::staged)));
INSTANTIATE_TEST_SUITE_P(NcclFast, CollectiveSuite, testing::Values(BackEnd(&cuda::fast, false)));

}  // namespace troupe::test

namespace troupe::cuda {
namespace {

/// One sum of ones on each rank; what each was told.
std::vector<Result<void>> sum_ones(const Ends& ends, std::size_t n, std::vector<std::vector<float>>& outs) {
  const int ranks = static_cast<int>(ends.size());
  std::vector<Result<void>> told(ends.size());
  std::vector<float> ones(n, 1.0F);
  outs.assign(ends.size(), std::vector<float>(n));
  test::on_ranks(ranks, [&](int r) {
    const auto rank = static_cast<std::size_t>(r);
    const float* mine = ones.data();
    told[rank] = ends[rank]->sum({ranks, r, {&mine, 1}}, outs[rank].data(), n, 0.5F, true, {});
  });
  return told;
}

TEST(NcclCollective, GoesBucketByBucket) {
  Devices devices;
  std::vector<std::vector<float>> outs;
  {
    const auto ends = devices.make(2, {.bucket = kib(4)});
    for (const auto& told : sum_ones(ends, 5'000, outs)) ASSERT_TRUE(told) << told.error().text();
    for (const auto& out : outs) EXPECT_EQ(out, std::vector<float>(5'000, 1.0F));
  }
  EXPECT_EQ(devices.world->gathers, 2 * 5) << "5,000 elements in buckets of 1,024, on two ranks";
  EXPECT_TRUE(devices.world->comms.empty()) << "communicators are given back";
  for (const auto& memory : devices.memories) {
    memory->settle();
    EXPECT_EQ(memory->live, 0) << "memory is given back";
  }
}

TEST(NcclCollective, FastSumsOfFloatAloneAreNcclsOwn) {
  Devices devices;
  const auto ends = devices.make(2, {.exact = false});
  std::vector<std::vector<float>> outs;
  for (const auto& told : sum_ones(ends, 10, outs)) ASSERT_TRUE(told);
  EXPECT_EQ(devices.world->reduces, 2);
  EXPECT_EQ(devices.world->gathers, 0);
  test::on_ranks(2, [&](int r) {
    const double x = 1;
    const double* mine = &x;
    double out = 0;
    ASSERT_TRUE(ends[static_cast<std::size_t>(r)]->sum({2, r, {&mine, 1}}, &out, 1, 1.0, true, {}));
    EXPECT_EQ(out, 2);
  });
  EXPECT_EQ(devices.world->gathers, 0) << "sums of double are the host's";
}

TEST(NcclCollective, OneDeviceNeedsNoNccl) {
  auto memory = std::make_shared<HostMemory>();
  const auto ends = make_nccl({{nullptr, memory, {}}}, {});
  ASSERT_TRUE(ends.has_value());
  std::vector<std::vector<float>> outs;
  ASSERT_TRUE(sum_ones(*ends, 100, outs)[0]);
  EXPECT_EQ(outs[0], std::vector<float>(100, 0.5F));
  EXPECT_FALSE(make_nccl({}, {}).has_value());
}

TEST(NcclCollective, AnErrorOfOneDeviceFailsAllByName) {
  for (const char* call : {"init", "all_gather", "no memory"}) {
    Devices devices;
    const auto ends = devices.make(3, {.timeout_seconds = 20});
    devices.world->fail_name = call;
    devices.memories[1]->full = std::string(call) == "no memory";
    std::vector<std::vector<float>> outs;
    for (const auto& told : sum_ones(ends, 100, outs)) {
      ASSERT_FALSE(told) << call;
      EXPECT_EQ(told.error().code, ErrorCode::peer_failed) << told.error().text();
      EXPECT_THAT(told.error().text(), HasSubstr("of 3 failed")) << call;
      EXPECT_THAT(told.error().text(), HasSubstr(devices.memories[1]->full ? "out of memory" : call));
    }
    EXPECT_FALSE(ends[0]->barrier()) << "it stays failed";
  }
}

TEST(NcclCollective, MoreBuffersThanAKernelTakesAreRefusedInWords) {
  Devices devices;
  const auto ends = devices.make(1, {});
  const float one = 1;
  const std::vector<const float*> mine(kTreeLeaves + 1, &one);
  float out = 0;
  const auto told = ends[0]->sum({kTreeLeaves + 1, 0, mine}, &out, 1, 1.0F, true, {});
  ASSERT_FALSE(told);
  EXPECT_THAT(told.error().text(), HasSubstr("at most 256"));
}

}  // namespace
}  // namespace troupe::cuda
