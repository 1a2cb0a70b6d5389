#include "predict/pack/stranding.hpp"

#include <algorithm>
#include <cmath>

#include "predict/pack/cutting_stock.hpp"

namespace troupe::pack {
namespace {
// Found on seeds that no figure is reported for. Less than the mean need beside a GPU, as tasks that need
// little are drawn to nodes that have little; less than the deviation of independent tasks for the same
// reason.
constexpr double kNeedOfMean = 0.8, kNeedOfDeviation = 0.7;
constexpr double kLooseness = 0.002;
constexpr double kHalfRoot = 0.7071067811865476, kNormalDensity = 0.3989422804014327;
}  // namespace

Stranding::Stranding(const std::vector<Machine>& machines) {
  for (const Machine& machine : machines) gpus_ += machine.gpus;
  for (std::size_t i = 0; i < worth_.size(); ++i) worth_[i] = static_cast<double>(i) / kWholeGpu;
}

bool Stranding::learn(const Task& task) {
  if (task.gpus > 0) {
    const double whole = static_cast<double>(task.gpu_total()) / kWholeGpu;
    shares_[task.gpu_milli] += task.gpus;
    gpu_sum_ += whole;
    const auto cpu = static_cast<double>(task.cpu_milli), memory = static_cast<double>(task.memory_mib);
    cpu_sum_ += cpu;
    cpu_squares_ += cpu * cpu / whole;
    memory_sum_ += memory;
    memory_squares_ += memory * memory / whole;
  }
  if (++seen_ < next_) return false;  // estimates are made again each time that twice as much was seen
  next_ *= 2;
  estimate();
  return true;
}

void Stranding::estimate() {
  if (gpu_sum_ == 0) return;
  const auto beside = [&](double sum, double squares) {
    const double mean = sum / gpu_sum_;
    return Beside{mean, std::sqrt(std::max(0.0, squares / gpu_sum_ - mean * mean))};
  };
  cpu_ = beside(cpu_sum_, cpu_squares_);
  memory_ = beside(memory_sum_, memory_squares_);
  std::vector<ShareDemand> demand;
  for (const auto& [size, count] : shares_) demand.push_back({size, count * gpus_ / gpu_sum_});
  const CuttingStock stock = relax(demand, gpus_);
  const double whole = stock.worth[kWholeGpu];
  for (std::size_t i = 0; i < worth_.size(); ++i) worth_[i] = whole > 0 ? stock.worth[i] / whole : 0;
}

// Tasks that fill `gpus` need a normally distributed amount of the resource: how much of that is expected to
// be lacking, in GPUs that it would have served.
double shortage(const Beside& beside, double gpus, double left) {
  if (gpus <= 0 || beside.mean <= 0) return 0;
  const double mean = kNeedOfMean * beside.mean * gpus,
               deviation = kNeedOfDeviation * beside.deviation * std::sqrt(gpus);
  if (deviation < 1e-9) return std::max(0.0, mean - left) / beside.mean;
  const double z = (mean - left) / deviation;
  const double density = std::exp(-z * z / 2) * kNormalDensity, below = std::erfc(-z * kHalfRoot) / 2;
  return (deviation * density + (mean - left) * below) / beside.mean;
}

double Stranding::stranded(const Node& node) const {
  double left = 0, usable = 0;
  for (std::size_t g = 0; g < static_cast<std::size_t>(node.gpus); ++g) {
    left += node.gpu[g];
    usable += worth_[static_cast<std::size_t>(node.gpu[g])];
  }
  const double beside = shortage(cpu_, usable, static_cast<double>(node.cpu)) +
                        shortage(memory_, usable, static_cast<double>(node.memory));
  return left - kWholeGpu * usable + kWholeGpu * beside;
}

double Stranding::looseness(const Node& node) const { return kLooseness * node.gpu_left(); }

}  // namespace troupe::pack
