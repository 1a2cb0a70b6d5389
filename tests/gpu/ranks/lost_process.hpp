#pragma once
// What three ranks that are processes go through when one of them is killed in the middle of a sum.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/gpu/collective_reference.hpp"
#include "tests/gpu/ranks/remote_end.hpp"

namespace troupe::test {

inline Result<std::vector<float>> sum_of_ranks(Collective& end) {
  const std::vector<float> mine(5'000, static_cast<float>(end.rank() + 1));
  std::vector<float> out(mine.size());
  const float* at = mine.data();
  auto summed = end.sum({end.ranks(), end.rank(), {&at, 1}}, out.data(), out.size(), 1, true, {});
  if (!summed) return fail(summed.error());
  return out;
}

/// The processes' NCCL is SharedNccl, with its files in `folder`. `way`: of a group of these processes.
inline void lose_one_in_the_middle(RankProcesses& processes, const std::filesystem::path& folder,
                                   const std::function<std::string(const std::vector<int>&)>& way) {
  constexpr double kTimeout = 30;
  auto ends = processes.make({0, 1, 2}, kTimeout, way({0, 1, 2}));
  on_ranks(3, [&](int r) {
    const auto summed = sum_of_ranks(*ends[static_cast<std::size_t>(r)]);
    ASSERT_TRUE(summed) << summed.error().text();
    EXPECT_EQ(*summed, std::vector<float>(5'000, 6));
  });
  std::ofstream(folder / "stall-1") << "now";
  on_ranks(4, [&](int r) {
    if (r == 3) {  // the others wait for it in NCCL, which does not tell that it is gone
      while (!std::filesystem::exists(folder / "stalled-1"))
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      return processes.process(1).kill();
    }
    const auto start = std::chrono::steady_clock::now();
    const auto summed = sum_of_ranks(*ends[static_cast<std::size_t>(r)]);
    ASSERT_FALSE(summed);
    if (r == 1) return;
    EXPECT_EQ(summed.error().code, ErrorCode::peer_missing) << summed.error().text();
    EXPECT_NE(summed.error().text().find("rank 1 of 3"), std::string::npos) << summed.error().text();
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::duration<double>(kTimeout))
        << "it was told of, not waited out";
  });
  ends.clear();
  ends = processes.make({0, 2}, kTimeout, way({0, 2}));
  on_ranks(2, [&](int r) {
    const auto summed = sum_of_ranks(*ends[static_cast<std::size_t>(r)]);
    ASSERT_TRUE(summed) << summed.error().text();
    EXPECT_EQ(*summed, std::vector<float>(5'000, 3));
  });
}

}  // namespace troupe::test
