#include "transport/node_group_meet.hpp"

#include <fmt/format.h>

namespace troupe::group {

std::string difference(const Hub& hub, const std::vector<SumShape>& mine, int process,
                       const std::vector<SumShape>& theirs) {
  const int a = hub.first_rank_here(), b = hub.first_rank(process);
  if (theirs.size() != mine.size())
    return fmt::format("rank {} makes {} sums, rank {} makes {}", a, mine.size(), b, theirs.size());
  for (std::size_t i = 0; i < theirs.size(); ++i)
    if (auto why = difference(a, mine[i], b, theirs[i]); !why.empty()) return why;
  return {};
}

std::string gap(const Hub& hub, const std::vector<std::vector<SumShape>>& said, std::size_t i) {
  int next = 0;
  const int members = said[static_cast<std::size_t>(hub.self())][i].members;
  for (int p = 0; p < hub.processes(); ++p) {
    const auto& sum = said[static_cast<std::size_t>(p)][i];
    if (sum.count == 0) continue;
    if (sum.first != next || sum.count < 0 || sum.count > members - next)
      return fmt::format("rank {} starts at member {}, but the ranks before it end at {}", hub.first_rank(p),
                         sum.first, next);
    next += sum.count;
  }
  if (next != members) return fmt::format("the ranks hold {} of {} members", next, members);
  return {};
}

std::string other_group(const Hub& hub, int process) {
  return fmt::format("ranks {} and {} were told of different groups", hub.first_rank_here(),
                     hub.first_rank(process));
}

}  // namespace troupe::group
