// The conformance suite over ranks in several processes.
#include "node_group_fixture.hpp"
#include "tests/gpu/collective_suite.hpp"

namespace troupe::test {
namespace {

/// Planes that are made when they are first needed, and kept for all tests of a layout.
class Layout {
 public:
  Layout(int processes, ChangeGroup change) : processes_(processes), change_(std::move(change)) {}
  /// As many ranks in each process as is fair; with fewer ranks than processes, fewer processes.
  Ends operator()(int ranks, double timeout) const {
    if (!*planes_) *planes_ = std::make_unique<Planes>(processes_);
    std::vector<int> in_each;
    const int processes = std::min(processes_, ranks);
    for (int p = 0; p < processes; ++p)
      in_each.push_back(ranks * (p + 1) / processes - ranks * p / processes);
    return make_group(**planes_, in_each, timeout, change_);
  }

 private:
  int processes_;
  ChangeGroup change_;
  std::shared_ptr<std::unique_ptr<Planes>> planes_ = std::make_shared<std::unique_ptr<Planes>>();
};

/// Nothing is small, and sums take many chunks.
void in_pieces(NodeGroupOptions& options) {
  options.small = Bytes{0};
  options.chunk = kib(4);
}

std::string layout_name(const testing::TestParamInfo<MakeEnds>& info) {
  return std::vector<std::string>{"TwoProcesses", "ThreeProcesses", "ThreeInPieces",
                                  "RankAProcess"}[info.index];
}

INSTANTIATE_TEST_SUITE_P(NodeGroup, CollectiveSuite,
                         testing::Values(MakeEnds(Layout(2, {})), MakeEnds(Layout(3, {})),
                                         MakeEnds(Layout(3, &in_pieces)), MakeEnds(Layout(8, &in_pieces))),
                         &layout_name);

}  // namespace
}  // namespace troupe::test
