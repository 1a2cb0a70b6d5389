#include "predict/pack/cutting_stock.hpp"

#include <algorithm>
#include <map>
#include <optional>

namespace troupe::pack {
namespace {

constexpr int kMostPivots = 5000;  // a few hundred are usual
constexpr double kTiny = 1e-7;

using Pattern = std::vector<double>;  // row 0: GPUs used; then shares of each size

/// Unbounded knapsack: worth of every hole, and a best pattern for the whole GPU.
struct Knapsack {
  std::array<double, kWholeGpu + 1> worth{};
  Pattern pattern;
  Knapsack(const std::vector<ShareDemand>& demand, const std::vector<double>& value) {
    std::array<int, kWholeGpu + 1> last{};
    last[0] = -1;
    for (int size = 1; size <= kWholeGpu; ++size) {
      const auto s = static_cast<std::size_t>(size);
      worth[s] = worth[s - 1];
      last[s] = -1;
      for (std::size_t i = 0; i < demand.size(); ++i) {
        if (demand[i].size > size) continue;
        const double with = worth[s - static_cast<std::size_t>(demand[i].size)] + value[i];
        if (with > worth[s] + 1e-12) {
          worth[s] = with;
          last[s] = static_cast<int>(i);
        }
      }
    }
    pattern.assign(demand.size() + 1, 0);
    pattern[0] = 1;
    for (int size = kWholeGpu; size > 0;) {
      const int i = last[static_cast<std::size_t>(size)];
      if (i < 0) {
        --size;
        continue;
      }
      ++pattern[static_cast<std::size_t>(i) + 1];
      size -= demand[static_cast<std::size_t>(i)].size;
    }
  }
};

/// Revised simplex with a dense inverse: rows are GPUs and one for each size, all "at most".
class Simplex {
 public:
  Simplex(const std::vector<ShareDemand>& demand, double gpus) : rows_(demand.size() + 1) {
    inverse_.assign(rows_, std::vector<double>(rows_, 0));
    for (std::size_t r = 0; r < rows_; ++r) inverse_[r][r] = 1;
    value_.assign(rows_, 0);
    at_.push_back(gpus);
    for (const auto& one : demand) at_.push_back(one.count);
  }
  std::vector<double> prices() const {
    std::vector<double> prices(rows_, 0);
    for (std::size_t r = 0; r < rows_; ++r)
      if (value_[r] != 0)
        for (std::size_t c = 0; c < rows_; ++c) prices[c] += value_[r] * inverse_[r][c];
    return prices;
  }
  /// False: unbounded, which the rows rule out.
  bool enter(const Pattern& column, double value) {
    std::vector<double> step(rows_, 0);
    for (std::size_t r = 0; r < rows_; ++r)
      for (std::size_t c = 0; c < rows_; ++c) step[r] += inverse_[r][c] * column[c];
    std::optional<std::size_t> out;
    for (std::size_t r = 0; r < rows_; ++r)
      if (step[r] > kTiny && (!out || at_[r] / step[r] < at_[*out] / step[*out])) out = r;
    if (!out) return false;
    pivot(*out, step);
    value_[*out] = value;
    return true;
  }

 private:
  void pivot(std::size_t out, const std::vector<double>& step) {
    for (double& x : inverse_[out]) x /= step[out];
    at_[out] /= step[out];
    for (std::size_t r = 0; r < rows_; ++r) {
      if (r == out || step[r] == 0) continue;
      for (std::size_t c = 0; c < rows_; ++c) inverse_[r][c] -= step[r] * inverse_[out][c];
      at_[r] = std::max(0.0, at_[r] - step[r] * at_[out]);
    }
  }
  std::size_t rows_;
  std::vector<std::vector<double>> inverse_;
  std::vector<double> at_, value_;  // of the basic columns: how much, and what one is worth
};

/// The dual's value at any prices of scarcity >= 0 is a bound.
double bound_at(const std::vector<ShareDemand>& demand, double gpus, const std::vector<double>& share_worth,
                double gpu_worth) {
  double bound = gpus * gpu_worth;
  for (std::size_t i = 0; i < demand.size(); ++i)
    bound += demand[i].count * (demand[i].size - share_worth[i]);
  return bound;
}

}  // namespace

CuttingStock relax(const std::vector<ShareDemand>& demand, double gpus) {
  CuttingStock best;
  for (const auto& one : demand) {
    best.bound += one.count * one.size;
    best.share_worth.push_back(0);
  }
  Simplex simplex(demand, gpus);
  for (int pivot = 0; pivot < kMostPivots; ++pivot) {
    const auto prices = simplex.prices();
    std::vector<double> worth;
    for (std::size_t i = 0; i < demand.size(); ++i)
      worth.push_back(std::min<double>(demand[i].size, demand[i].size - prices[i + 1]));
    const Knapsack knapsack(demand, worth);
    const double gpu_worth = knapsack.worth[kWholeGpu];
    if (const double bound = bound_at(demand, gpus, worth, gpu_worth); bound <= best.bound) {
      best.bound = bound;
      best.worth = knapsack.worth;
      best.share_worth = worth;
    }
    const auto low = std::min_element(prices.begin(), prices.end());
    if (*low < -kTiny) {  // room that is paid for: its slack comes back
      Pattern slack(prices.size(), 0);
      slack[static_cast<std::size_t>(low - prices.begin())] = 1;
      if (!simplex.enter(slack, 0)) break;
      continue;
    }
    double value = 0;
    for (std::size_t i = 0; i < demand.size(); ++i) value += knapsack.pattern[i + 1] * demand[i].size;
    if (gpu_worth - prices[0] < kTiny || !simplex.enter(knapsack.pattern, value)) break;
  }
  return best;
}

std::vector<ShareDemand> shares_of(const std::vector<Task>& tasks) {
  std::map<int, double> counts;
  for (const Task& task : tasks)
    if (task.gpus > 0) counts[task.gpu_milli] += task.gpus;
  std::vector<ShareDemand> demand;
  for (const auto& [size, count] : counts) demand.push_back({size, count});
  return demand;
}

}  // namespace troupe::pack
