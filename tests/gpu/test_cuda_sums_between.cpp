// By which way the devices of several ranks sum: all ranks choose the same.
#include "gpu/cuda/sums_between.hpp"

#include <gmock/gmock.h>

#include "tests/gpu/collective_reference.hpp"
#include "tests/gpu/fake_devices.hpp"

namespace troupe::cuda {
namespace {

using testing::HasSubstr;

struct Chosen {
  std::vector<std::string> instead;
  int gathers = 0;
};
/// What ranks with these identities choose, "" for one without NCCL; each then makes a sum.
Chosen choose(const std::vector<std::string>& identities) {
  FakeDevices devices;
  const int ranks = static_cast<int>(identities.size());
  auto ends = devices.ends(ranks);
  auto hosts = make_in_process(ranks, 20);
  Chosen chosen{std::vector<std::string>(identities.size(), "?"), 0};
  test::on_ranks(ranks, [&](int r) {
    const auto rank = static_cast<std::size_t>(r);
    if (identities[rank].empty()) ends[rank].nccl = nullptr;
    auto made = make_sums_between(std::move(ends[rank]), identities[rank], hosts[rank], {});
    ASSERT_TRUE(made) << made.error().text();
    chosen.instead[rank] = made->instead;
    const std::vector<float> ones(5'000, 1);
    std::vector<float> out(5'000);
    const float* at = ones.data();
    const auto summed = made->sums->sum({ranks, r, {&at, 1}}, out.data(), out.size(), 1, true, {});
    ASSERT_TRUE(summed) << summed.error().text();
    EXPECT_EQ(out, std::vector<float>(5'000, static_cast<float>(ranks)));
    ASSERT_TRUE(made->sums->barrier());
  });
  chosen.gathers = devices.world->gathers;
  return chosen;
}

TEST(SumsBetween, GoOverNcclWhereAllHaveItAndEachADevice) {
  const auto chosen = choose({"host a 1", "host a 2", "host b 1"});
  for (const auto& why : chosen.instead) EXPECT_EQ(why, "");
  EXPECT_EQ(chosen.gathers, 3);
}

TEST(SumsBetween, GoOverTheHostWhereOneHasNoNccl) {
  const auto chosen = choose({"host a 1", "", "host b 1"});
  for (const auto& why : chosen.instead) EXPECT_EQ(why, "rank 1 of 3 has no NCCL");
  EXPECT_EQ(chosen.gathers, 0);
}

TEST(SumsBetween, GoOverTheHostWhereTwoAreOnOneDevice) {
  const auto chosen = choose({"host a 1", "host b 1", "host a 1"});
  for (const auto& why : chosen.instead) EXPECT_EQ(why, "ranks 0 and 2 of 3 are on one device");
  EXPECT_EQ(chosen.gathers, 0);
}

TEST(SumsBetween, OneRankNeedsNeither) { EXPECT_EQ(choose({""}).instead, std::vector<std::string>{""}); }

TEST(SumsBetween, ProcessesThatClaimToBeOtherHostsMayShareADevice) {
  unsetenv("NCCL_HOSTID");
  const auto plain = nccl_identity("0000:1b:00.0");
  EXPECT_EQ(plain, nccl_identity("0000:1b:00.0"));
  EXPECT_NE(plain, nccl_identity("0000:1c:00.0"));
  setenv("NCCL_HOSTID", "one", 1);
  const auto one = nccl_identity("0000:1b:00.0");
  EXPECT_NE(one, plain);
  setenv("NCCL_HOSTID", "two", 1);
  EXPECT_NE(nccl_identity("0000:1b:00.0"), one);
  unsetenv("NCCL_HOSTID");
}

}  // namespace
}  // namespace troupe::cuda
