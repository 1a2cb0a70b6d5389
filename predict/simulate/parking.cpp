// Who gives way: jobs that have had more are parked for one that has had less.
#include <algorithm>

#include "predict/simulate/run.hpp"

namespace troupe::simulate {
namespace {
constexpr double kParkSeconds = 10;  // to be parked and to go on again
}

/// Jobs on a node that must leave so that `part` fits there: of higher levels only, the highest and the
/// latest started first; none: it does not fit even then.
std::optional<std::vector<int>> Run::who_leaves(int node, const pack::Task& part, int own) const {
  const auto n = static_cast<std::size_t>(node);
  pack::Node left = packer_.nodes()[n];
  if (left.gpus < part.gpus) return {};
  std::vector<std::tuple<int, double, int>> candidates;
  for (const int job : running_on_[n])
    if (const int theirs = level(job); theirs > own)
      candidates.emplace_back(-theirs, -live_[static_cast<std::size_t>(job)].since, job);
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  std::vector<int> leaving;
  for (const auto& [unused, since, job] : candidates) {
    if (pack::fits(left, part)) break;
    for (const int number : live_[static_cast<std::size_t>(job)].parts)
      if (packer_.placement(number)->node == node)
        pack::take(left, packer_.task(number), packer_.placement(number)->gpus);
    leaving.push_back(job);
  }
  if (!pack::fits(left, part)) return {};
  return leaving;
}

void Run::park(int job) {
  stop(job);
  live_[static_cast<std::size_t>(job)].left += kParkSeconds;
  ++result_.jobs[static_cast<std::size_t>(job)].parked;
  wait(job);
}

/// A first look at who could leave, so that most nodes need no second.
void Run::count_held() {
  held_above_.assign(running_on_.size(), {});
  for (std::size_t n = 0; n < running_on_.size(); ++n)
    for (const int job : running_on_[n]) {
      const auto& parts = live_[static_cast<std::size_t>(job)].parts;
      const int part = parts.empty() ? 0 : static_cast<int>(packer_.task(parts.front()).gpu_total());
      for (int below = kOverdue; below < level(job); ++below)
        held_above_[n][static_cast<std::size_t>(below - kOverdue)] += part;
    }
  held_at_ = now_;
}

/// Parks as few GPUs' worth as may be, and starts the job; false: nothing has changed.
bool Run::make_way(int job, int own) {
  if (own >= kRanks - 1) return false;
  if (held_at_ != now_) count_held();
  const auto parts = parts_of(job);
  const pack::Task part = task(job, parts.front());
  struct Way {
    double cost;
    int node;
    std::vector<int> leaving;
  };
  std::vector<Way> ways;
  for (int node = 0; node < static_cast<int>(running_on_.size()); ++node) {
    const auto& room = packer_.nodes()[static_cast<std::size_t>(node)];
    const auto held = held_above_[static_cast<std::size_t>(node)][static_cast<std::size_t>(own - kOverdue)];
    if (room.gpu_left() + held < part.gpu_total() || (held == 0 && parts.size() == 1)) continue;
    auto leaving = who_leaves(node, part, own);
    if (!leaving) continue;
    double cost = 0;
    for (const int other : *leaving) cost += rate(other);
    ways.push_back({cost, node, std::move(*leaving)});
  }
  if (ways.size() < parts.size()) return false;
  std::stable_sort(ways.begin(), ways.end(), [](const Way& a, const Way& b) { return a.cost < b.cost; });
  for (std::size_t i = 0; i < parts.size(); ++i)
    for (const int other : ways[i].leaving)
      if (live_[static_cast<std::size_t>(other)].running) park(other);
  return try_start(job);
}

}  // namespace troupe::simulate
