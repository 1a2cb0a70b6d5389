// The conformance suite over ranks in several processes.
#include "node_group_fixture.hpp"
#include "tests/gpu/collective_suite.hpp"

namespace troupe::test {
namespace {

/// Nothing is small, and sums take many chunks.
void in_pieces(NodeGroupOptions& options) {
  options.small = Bytes{0};
  options.chunk = kib(4);
}

std::string layout_name(const testing::TestParamInfo<BackEnd>& info) {
  return std::vector<std::string>{"TwoProcesses", "ThreeProcesses", "ThreeInPieces",
                                  "RankAProcess"}[info.index];
}

INSTANTIATE_TEST_SUITE_P(NodeGroup, CollectiveSuite,
                         testing::Values(Layout(2), Layout(3), Layout(3, &in_pieces), Layout(8, &in_pieces)),
                         &layout_name);

}  // namespace
}  // namespace troupe::test
