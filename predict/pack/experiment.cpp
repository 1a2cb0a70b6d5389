#include "predict/pack/experiment.hpp"

#include <algorithm>
#include <numeric>

#include "base/random.hpp"
#include "predict/pack/cutting_stock.hpp"

namespace troupe::pack {
namespace {

std::int64_t gpu_capacity(const std::vector<Machine>& machines) {
  std::int64_t sum = 0;
  for (const Machine& machine : machines) sum += std::int64_t{machine.gpus} * kWholeGpu;
  return sum;
}

}  // namespace

std::vector<Task> inflate(const std::vector<Task>& trace, const std::vector<Machine>& machines, double load,
                          std::int64_t seed, Arrivals arrivals) {
  Draw draw(seed, 0, 0, Purpose::sample);
  const double enough = load * static_cast<double>(gpu_capacity(machines));
  std::vector<Task> all;
  std::int64_t asked = 0;
  const auto add = [&](const Task& task) {
    asked += task.gpu_total();
    all.push_back(task);
  };
  if (arrivals == Arrivals::shuffled) {
    std::vector<std::size_t> order(trace.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (std::size_t left = order.size(); left > 1; --left)
      std::swap(order[left - 1], order[draw.below(left)]);
    for (const auto i : order)
      if (static_cast<double>(asked) < enough) add(trace[i]);
  }
  while (static_cast<double>(asked) < enough) add(trace[draw.below(trace.size())]);
  return all;
}

ExperimentResult run_experiment(const std::vector<Task>& arrivals, const std::vector<Machine>& machines,
                                Policy& policy, std::int64_t seed, int most_moves) {
  Packer packer(machines, policy, seed, most_moves);
  ExperimentResult result;
  const auto capacity = static_cast<double>(packer.gpu_capacity());
  double asked = 0;
  for (const Task& task : arrivals) {
    const Arrival arrival = packer.arrive(task);
    ++result.arrived;
    result.placed += arrival.placement.has_value();
    result.moves += static_cast<std::int64_t>(arrival.moves.size());
    result.moved_for += !arrival.moves.empty();
    asked += static_cast<double>(task.gpu_total());
    const double now = 100 * static_cast<double>(packer.gpu_allocated()) / capacity;
    while (static_cast<double>(result.allocated_percent.size()) <= 100 * asked / capacity)
      result.allocated_percent.push_back(now);
  }
  result.at_full = result.allocated_percent[std::min<std::size_t>(100, result.allocated_percent.size() - 1)];
  return result;
}

namespace {
/// The first arrivals, until they ask for so many thousandths of GPUs.
std::vector<Task> arrived(const std::vector<Task>& arrivals, double asked) {
  std::vector<Task> first;
  for (double sum = 0; sum < asked && first.size() < arrivals.size();) {
    first.push_back(arrivals[first.size()]);
    sum += static_cast<double>(first.back().gpu_total());
  }
  return first;
}
}  // namespace

double upper_bound_percent(const std::vector<Task>& arrivals, const std::vector<Machine>& machines) {
  const auto capacity = static_cast<double>(gpu_capacity(machines));
  return 100 * relax(shares_of(arrived(arrivals, capacity)), capacity / kWholeGpu).bound / capacity;
}

double must_refuse_from_percent(const std::vector<Task>& arrivals, const std::vector<Machine>& machines) {
  const auto capacity = static_cast<double>(gpu_capacity(machines));
  double fits = 0, refuses = 100;
  while (refuses - fits > 0.01) {
    const double middle = (fits + refuses) / 2;
    const auto first = arrived(arrivals, middle / 100 * capacity);
    double asked = 0;
    for (const Task& task : first) asked += static_cast<double>(task.gpu_total());
    const bool all = relax(shares_of(first), capacity / kWholeGpu).bound >= asked - 1e-3;
    (all ? fits : refuses) = middle;
  }
  return refuses;
}

}  // namespace troupe::pack
