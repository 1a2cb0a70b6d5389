#include "predict/pack/stranding.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "predict/pack/cutting_stock.hpp"

namespace troupe::pack {
static double P(const char* n, double d) { const char* v = std::getenv(n); return v ? std::atof(v) : d; }

Stranding::Stranding(std::vector<Machine> machines) {
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
  if (++seen_ < next_) return false;
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
  static const double load = P("LOAD", 1.0), mix = P("WMIX", 1.0);
  std::vector<ShareDemand> demand;
  for (const auto& [size, count] : shares_) demand.push_back({size, count * load * gpus_ / gpu_sum_});
  const CuttingStock stock = relax(demand, gpus_);
  const double whole = stock.worth[kWholeGpu];
  for (std::size_t i = 0; i < worth_.size(); ++i)
    worth_[i] = (1 - mix) * static_cast<double>(i) / kWholeGpu + mix * (whole > 0 ? stock.worth[i] / whole : 0);
}

double Stranding::shortage(const Beside& beside, double gpus, double left) {
  static const double fm = P("FM", 1.0), fs = P("FS", 0.7);
  if (gpus <= 0 || beside.mean <= 0) return 0;
  const double mean = fm * beside.mean * gpus, deviation = fs * beside.deviation * std::sqrt(gpus);
  if (deviation < 1e-9) return std::max(0.0, mean - left) / beside.mean;
  const double z = (mean - left) / deviation;
  const double density = std::exp(-z * z / 2) * 0.3989422804014327, below = 0.5 * std::erfc(-z * 0.7071067811865476);
  return (deviation * density + (mean - left) * below) / beside.mean;
}

double Stranding::stranded(const Node& node) const {
  static const double wc = P("WC", 1.0), wm = P("WM", 1.0), wg = P("WG", 1.0);
  double left = 0, usable = 0;
  for (std::size_t g = 0; g < static_cast<std::size_t>(node.gpus); ++g) {
    left += node.gpu[g];
    usable += worth_[static_cast<std::size_t>(node.gpu[g])];
  }
  const double beside = wc * shortage(cpu_, usable, static_cast<double>(node.cpu)) +
                        wm * shortage(memory_, usable, static_cast<double>(node.memory));
  return wg * (left - kWholeGpu * usable) + kWholeGpu * beside;
}

double Stranding::looseness(const Node& node) const {
  static const double wl = P("WL", 0.002);
  return wl * node.gpu_left();
}

}  // namespace troupe::pack
