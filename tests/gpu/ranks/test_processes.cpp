// Ranks that are processes: the conformance suite, and what is left when one of them is killed.
#include "tests/gpu/collective_suite.hpp"
#include "tests/gpu/ranks/lost_process.hpp"
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

TEST(RanksThatAreProcesses, GoOnWithoutOneThatIsKilledInTheMiddleOfASum) {
  Workers workers;
  lose_one_in_the_middle(workers.processes, workers.folder.path(),
                         [](const std::vector<int>&) { return std::string("exact"); });
}

}  // namespace
}  // namespace troupe::test
