// Ranks that are processes: the conformance suite, and what is left when one of them is killed.
#include <fstream>

#include "tests/gpu/collective_suite.hpp"
#include "tests/gpu/ranks/remote_end.hpp"
#include "tests/gpu/ranks/shared_host.hpp"
#include "tests/temp_folder.hpp"

namespace troupe::test {
namespace {

struct Workers {
  TempFolder folder;
  RankProcesses processes{folder.path().string(), [this](int number) {
                            return RankProcesses::Command{
                                {TROUPE_RANK_WORKER, std::to_string(number), folder.path().string()}, {}};
                          }};
  Ends make(const std::vector<int>& numbers, double timeout, const std::string& way) {
    return processes.make(numbers, timeout, way);
  }
};

/// Processes that are kept for all tests of a way.
struct Way {
  std::string name;
  std::shared_ptr<std::unique_ptr<Workers>> workers = std::make_shared<std::unique_ptr<Workers>>();
  Ends operator()(int ranks, double timeout) const {
    if (!*workers) *workers = std::make_unique<Workers>();
    std::vector<int> numbers(static_cast<std::size_t>(ranks));
    std::iota(numbers.begin(), numbers.end(), 0);
    return (*workers)->make(numbers, timeout, name);
  }
};

Ends over_a_mapped_file(int ranks, double timeout) {
  static TempFolder folder;
  static int groups = 0;
  const auto file = (folder.path() / std::to_string(++groups)).string();
  Ends ends;
  for (int r = 0; r < ranks; ++r) ends.push_back(open_shared_host(file, r, ranks, timeout));
  return ends;
}

std::string way_name(const testing::TestParamInfo<BackEnd>& info) {
  return std::vector<std::string>{"Exact", "Fast", "ByWayOfTheHost", "MappedFile"}[info.index];
}
INSTANTIATE_TEST_SUITE_P(Processes, CollectiveSuite,
                         testing::Values(Way{"exact"}, BackEnd(Way{"fast"}, false), Way{"staged"},
                                         &over_a_mapped_file),
                         &way_name);

Result<std::vector<float>> sum_on(Collective& end) {
  const std::vector<float> mine(5'000, static_cast<float>(end.rank() + 1));
  std::vector<float> out(mine.size());
  const float* at = mine.data();
  if (auto summed = end.sum({end.ranks(), end.rank(), {&at, 1}}, out.data(), out.size(), 1, true, {});
      !summed)
    return fail(summed.error());
  return out;
}

TEST(RanksThatAreProcesses, GoOnWithoutOneThatIsKilledInTheMiddleOfASum) {
  Workers workers;
  auto ends = workers.make({0, 1, 2}, 30, "exact");
  on_ranks(3, [&](int r) {
    const auto summed = sum_on(*ends[static_cast<std::size_t>(r)]);
    ASSERT_TRUE(summed) << summed.error().text();
    EXPECT_EQ(*summed, std::vector<float>(5'000, 6));
  });
  std::ofstream(workers.folder.path() / "stall-1") << "now";
  on_ranks(4, [&](int r) {
    if (r == 3) {  // the others wait for it in NCCL, which does not tell that it is gone
      while (!std::filesystem::exists(workers.folder.path() / "stalled-1")) std::this_thread::yield();
      return workers.processes.process(1).kill();
    }
    const auto summed = sum_on(*ends[static_cast<std::size_t>(r)]);
    ASSERT_FALSE(summed);
    if (r == 1) return;
    EXPECT_EQ(summed.error().code, ErrorCode::peer_missing) << summed.error().text();
    EXPECT_NE(summed.error().text().find("rank 1 of 3"), std::string::npos) << summed.error().text();
  });
  ends.clear();
  ends = workers.make({0, 2}, 30, "exact");
  on_ranks(2, [&](int r) {
    const auto summed = sum_on(*ends[static_cast<std::size_t>(r)]);
    ASSERT_TRUE(summed) << summed.error().text();
    EXPECT_EQ(*summed, std::vector<float>(5'000, 3));
  });
}

}  // namespace
}  // namespace troupe::test
