#include "predict/interference.hpp"

#include <algorithm>

namespace troupe {
namespace {

/// What comes from memory instead of the shared cache takes so much longer, over what it took.
constexpr double kMissCost = 1;

/// Of bytes gone through again and again, the share that a cache does not hold.
double missed(double touched, double cache) { return touched > cache ? 1 - cache / touched : 0; }

StepKind pair_of(const Neighbour& me, const Neighbour& other) {
  return {me.kind + " " + me.phase, other.kind + " " + other.phase, other.cores};
}

}  // namespace

StepProfile profile_of(const PhaseForecast& phase, const DeviceRates& rates, int cores, double waiting) {
  const Work& w = phase.shard;
  StepProfile p;
  p.cores = std::max(1, cores);
  double convolving = 0;
  for (std::size_t pass = 0; pass < Work::kPasses; ++pass) {
    convolving += w.convolutions[pass] * rates.convolution_cost[pass];
    for (std::size_t width = 0; width < Work::kWidths; ++width)
      convolving += w.convolution_flops[pass][width] / rates.convolution[pass][width];
  }
  const double shards = phase.shards;
  p.arithmetic = shards * (convolving + w.product_flops / rates.product + w.products * rates.product_cost +
                           w.kernels * rates.kernel_cost);
  p.near = shards * w.near_bytes / rates.near + phase.serial_bytes / rates.near;
  p.far = shards * w.far_bytes / rates.far + phase.sum_bytes / rates.sum + phase.update_bytes / rates.update;
  const double all = p.arithmetic + p.near + p.far;
  if (!(all > 0)) return {.cores = p.cores};
  const double busy = 1 - std::clamp(waiting, 0.0, 1.0);
  for (double* share : {&p.arithmetic, &p.near, &p.far}) *share *= busy / all;
  p.touched = static_cast<double>(phase.bytes.count) +
              static_cast<double>(phase.bytes_a_worker.count) * (p.cores - 1);
  return p;
}

double slowdown(const StepProfile& me, const StepProfile& other, const DeviceRates& rates) {
  // of its rate alone: a core's fellows of the same job are there in any case
  const auto dearer = [&](double share_of_all) {
    return kept_rate(share_of_all, me.cores, rates.cores) /
               kept_rate(share_of_all, me.cores + other.cores, rates.cores) -
           1;
  };
  double more = me.arithmetic * other.arithmetic * dearer(rates.arithmetic_share) +
                me.near * other.near * dearer(rates.near_share) +
                me.far * other.far * dearer(rates.far_share);
  if (rates.shared_cache > 0) {
    const double alone = missed(me.touched, rates.shared_cache),
                 both = missed(me.touched + other.touched, rates.shared_cache);
    more += me.far * (other.near + other.far) * kMissCost * (both - alone) / (1 + kMissCost * alone);
  }
  return 1 + more;
}

double Interference::corrected(const Neighbour& me, const Neighbour& other, double forecast) const {
  return forecast * learned_.factor(pair_of(me, other));
}

std::int64_t Interference::measured(const Neighbour& me, const Neighbour& other) const {
  return learned_.steps(pair_of(me, other));
}

void Interference::learn(const Neighbour& me, const Neighbour& other, double forecast, double measured) {
  learned_.step(pair_of(me, other), forecast, measured);
}

}  // namespace troupe
