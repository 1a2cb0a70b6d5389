#include "predict/pack/packer.hpp"

#include <algorithm>

#include "base/random.hpp"

namespace troupe::pack {

Packer::Packer(const std::vector<Machine>& machines, Policy& policy, std::int64_t seed, int most_moves)
    : machines_(machines),
      policy_(policy),
      most_moves_(most_moves),
      versions_(machines.size()),
      tasks_on_(machines.size()) {
  for (const Machine& machine : machines_) {
    nodes_.push_back(empty_node(machine, static_cast<int>(nodes_.size())));
    gpu_capacity_ += std::int64_t{machine.gpus} * kWholeGpu;
    order_.push_back(nodes_.back().index);
  }
  Draw draw(seed, 0, 0, Purpose::order);
  for (std::size_t left = order_.size(); left > 1; --left)
    std::swap(order_[left - 1], order_[draw.below(left)]);
}

int Packer::shape_of(const Task& task) {
  const auto [at, is_new] = shape_index_.try_emplace(task, static_cast<int>(shapes_.size()));
  if (is_new) shapes_.push_back({task, std::vector<Rating>(nodes_.size())});
  return at->second;
}

const Packer::Rating& Packer::rating(int shape, int node) {
  const auto n = static_cast<std::size_t>(node);
  Shape& known = shapes_[static_cast<std::size_t>(shape)];
  Rating& rating = known.ratings[n];
  if (rating.version != versions_[n]) {
    rating.version = versions_[n];
    rating.fits = fits(nodes_[n], known.task);
    if (rating.fits) rating.offer = policy_.rate(nodes_[n], known.task);
  }
  return rating;
}

std::optional<Placement> Packer::best(int shape, int except) {
  std::optional<Placement> found;
  double score = 0;
  for (const int n : order_) {
    if (n == except) continue;
    const Rating& one = rating(shape, n);
    if (!one.fits || (found && one.offer.score <= score)) continue;
    score = one.offer.score;
    found = Placement{n, one.offer.gpus};
  }
  return found;
}

void Packer::settle(int task, const Placement& at) {
  Placed& placed = placed_[static_cast<std::size_t>(task)];
  const Task& shape = shapes_[static_cast<std::size_t>(placed.shape)].task;
  const auto n = static_cast<std::size_t>(at.node);
  put(nodes_[n], shape, at.gpus);
  ++versions_[n];
  ++changes_;
  tasks_on_[n].push_back(task);
  placed.at = at;
  gpu_allocated_ += shape.gpu_total();
}

void Packer::unsettle(int task) {
  Placed& placed = placed_[static_cast<std::size_t>(task)];
  const Task& shape = shapes_[static_cast<std::size_t>(placed.shape)].task;
  const auto n = static_cast<std::size_t>(placed.at->node);
  take(nodes_[n], shape, placed.at->gpus);
  ++versions_[n];
  ++changes_;
  std::erase(tasks_on_[n], task);
  placed.at.reset();
  gpu_allocated_ -= shape.gpu_total();
}

void Packer::leave(int task) {
  unsettle(task);
  ++loosened_;
}

bool Packer::has_room(const Task& task) {
  const int shape = shape_of(task);
  Shape& known = shapes_[static_cast<std::size_t>(shape)];
  if (known.no_room_at == loosened_) return false;
  if (best(shape)) return true;
  known.no_room_at = loosened_;
  return false;
}

Arrival Packer::arrive(const Task& task) {
  const int number = static_cast<int>(placed_.size());
  const int shape = shape_of(task);
  if (policy_.learn(task))
    for (auto& version : versions_) ++version;
  placed_.push_back({shape, {}});
  Arrival arrival;
  arrival.number = number;
  arrival.placement = best(shape);
  if (arrival.placement)
    settle(number, *arrival.placement);
  else if (most_moves_ > 0)
    make_room(number, arrival);
  return arrival;
}

}  // namespace troupe::pack
