// Making room: where a task fits nowhere, tasks of one node go to other nodes until it fits there.
#include <algorithm>

#include "predict/pack/packer.hpp"

namespace troupe::pack {
namespace {

constexpr std::size_t kMostTries = 8;  // ways that are tried in earnest, best first

/// What a node lacks for a task: each resource as a share of what the task asks for. 0: it fits.
double lack(const Node& node, const Task& task) {
  const auto part = [](double short_by, double asked) { return short_by > 0 ? short_by / asked : 0; };
  double sum = part(static_cast<double>(task.cpu_milli - node.cpu), static_cast<double>(task.cpu_milli)) +
               part(static_cast<double>(task.memory_mib - node.memory), static_cast<double>(task.memory_mib));
  if (task.gpus == 0) return sum;
  auto gpu = node.gpu;
  std::sort(gpu.begin(), gpu.begin() + node.gpus, std::greater<>());
  double short_by = 0;
  for (std::size_t g = 0; g < static_cast<std::size_t>(task.gpus); ++g)
    short_by += std::max(0, task.gpu_milli - gpu[g]);
  return sum + short_by / static_cast<double>(task.gpu_total());
}

bool could_ever_fit(const Node& node, const Task& task) {
  const Machine& machine = *node.machine;
  return task.cpu_milli <= machine.cpu_milli && task.memory_mib <= machine.memory_mib &&
         task.gpus <= machine.gpus && model_allowed(node, task);
}

}  // namespace

/// The best node for a shape that is not `node`; -1: none.
int Packer::elsewhere(int shape, int node) {
  Shape& known = shapes_[static_cast<std::size_t>(shape)];
  if (known.elsewhere_at != changes_) {
    const auto first = best(shape);
    const auto second = first ? best(shape, first->node) : std::nullopt;
    known.elsewhere = {first ? first->node : -1, second ? second->node : -1};
    known.elsewhere_at = changes_;
  }
  return known.elsewhere[known.elsewhere[0] == node];
}

/// The task whose going brings the node nearest to what is wanted; none, if none of those that have another
/// place to go to brings it nearer.
std::optional<int> Packer::next_to_leave(const Node& node, const std::vector<int>& tasks,
                                         const Task& wanted) {
  std::optional<int> found;
  double least = lack(node, wanted);
  std::int64_t size = 0;
  for (const int number : tasks) {
    const Placed& placed = placed_[static_cast<std::size_t>(number)];
    const Task& placed_task = this->task(number);
    Node after = node;
    take(after, placed_task, placed.at->gpus);
    const double left = lack(after, wanted);
    if (left > least || (left == least && (!found || placed_task.gpu_total() >= size))) continue;
    if (elsewhere(placed.shape, node.index) < 0) continue;
    found = number;
    least = left;
    size = placed_task.gpu_total();
  }
  return found;
}

std::optional<Packer::Way> Packer::way_into(int shape, int node) {
  const Task& wanted = shapes_[static_cast<std::size_t>(shape)].task;
  Node left = nodes_[static_cast<std::size_t>(node)];
  if (!could_ever_fit(left, wanted)) return {};
  std::vector<int> tasks = tasks_on_[static_cast<std::size_t>(node)];
  Way way{node, {}, 0};
  while (!fits(left, wanted)) {
    if (static_cast<int>(way.leaving.size()) == most_moves_) return {};
    const auto next = next_to_leave(left, tasks, wanted);
    if (!next) return {};
    const Placed& placed = placed_[static_cast<std::size_t>(*next)];
    take(left, task(*next), placed.at->gpus);
    std::erase(tasks, *next);
    way.leaving.push_back(*next);
    const int to = elsewhere(placed.shape, node);
    way.score += rating(placed.shape, to).offer.score - policy_.rate(left, task(*next)).score;
  }
  way.score += policy_.rate(left, wanted).score;
  return way;
}

/// Carries a way out; where it turns out not to be one, everything is as before.
bool Packer::go(int number, const Way& way, Arrival& arrival) {
  const int shape = placed_[static_cast<std::size_t>(number)].shape;
  std::vector<Move> moves;
  for (const int leaving : way.leaving) {
    const Placement from = *placed_[static_cast<std::size_t>(leaving)].at;
    const auto to = best(placed_[static_cast<std::size_t>(leaving)].shape, way.node);
    if (!to) break;
    unsettle(leaving);
    settle(leaving, *to);
    moves.push_back({leaving, from, *to});
  }
  const Rating& there = rating(shape, way.node);
  if (moves.size() == way.leaving.size() && there.fits) {
    arrival.placement = Placement{way.node, there.offer.gpus};
    arrival.moves = std::move(moves);
    settle(number, *arrival.placement);
    moves_ += static_cast<std::int64_t>(arrival.moves.size());
    return true;
  }
  for (auto move = moves.rbegin(); move != moves.rend(); ++move) {
    unsettle(move->task);
    settle(move->task, move->from);
  }
  return false;
}

void Packer::make_room(int number, Arrival& arrival) {
  const int shape = placed_[static_cast<std::size_t>(number)].shape;
  Shape& known = shapes_[static_cast<std::size_t>(shape)];
  if (known.no_way_at == loosened_) return;
  std::vector<Way> ways;
  for (const int node : order_)
    if (auto way = way_into(shape, node)) ways.push_back(std::move(*way));
  std::stable_sort(ways.begin(), ways.end(), [](const Way& a, const Way& b) {
    return a.leaving.size() != b.leaving.size() ? a.leaving.size() < b.leaving.size() : a.score > b.score;
  });
  if (ways.size() > kMostTries) ways.resize(kMostTries);
  for (const Way& way : ways)
    if (go(number, way, arrival)) {
      ++loosened_;
      return;
    }
  known.no_way_at = loosened_;
}

}  // namespace troupe::pack
