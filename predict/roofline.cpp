#include "predict/roofline.hpp"

#include <algorithm>
#include <cmath>

namespace troupe {
namespace {

double convolution_seconds(const Work& work, const DeviceRates& rates, Work::Pass pass, double share) {
  const auto p = static_cast<std::size_t>(pass);
  double seconds = work.convolutions[p] * rates.convolution_cost[p];
  for (std::size_t w = 0; w < Work::kWidths; ++w)
    seconds += work.convolution_flops[p][w] / (rates.convolution[p][w] * share);
  return seconds;
}

}  // namespace

bool DeviceRates::valid() const {
  const auto rate = [](double v) { return std::isfinite(v) && v > 0; };
  const auto cost = [](double v) { return std::isfinite(v) && v >= 0; };
  const auto share = [](double v) { return v > 0 && v <= 1; };
  for (const auto& pass : convolution)
    if (!std::all_of(pass.begin(), pass.end(), rate)) return false;
  return cores >= 1 && rate(product) && rate(near) && rate(far) && rate(sum) && rate(update) &&
         std::all_of(convolution_cost.begin(), convolution_cost.end(), cost) && cost(product_cost) &&
         cost(kernel_cost) && share(arithmetic_share) && share(near_share) && share(far_share) &&
         cost(shared_cache);
}

double kept_rate(double share_of_all, int working, int cores) {
  if (cores <= 1) return 1;
  const double crowd = static_cast<double>(std::clamp(working, 1, cores) - 1) / (cores - 1);
  return 1 - (1 - share_of_all) * crowd;
}

double step_seconds(const PhaseForecast& phase, const DeviceRates& rates, int cores) {
  cores = std::max(1, cores);
  const Work& w = phase.shard;
  const double arithmetic = kept_rate(rates.arithmetic_share, cores, rates.cores);
  const double near = rates.near * kept_rate(rates.near_share, cores, rates.cores);
  const double far_share = kept_rate(rates.far_share, cores, rates.cores);
  const double parts = convolution_seconds(w, rates, Work::backward_weight, arithmetic);
  const double computing = convolution_seconds(w, rates, Work::forward, arithmetic) +
                           convolution_seconds(w, rates, Work::backward_data, arithmetic) +
                           w.product_flops / (rates.product * arithmetic) + w.products * rates.product_cost +
                           w.near_bytes / near + w.far_bytes / (rates.far * far_share) +
                           w.kernels * rates.kernel_cost;
  const int turns = (phase.shards + cores - 1) / cores;  // of the worker that takes most shards
  const double shards = std::max(turns * computing, phase.shards * (computing + parts) / cores);
  const double rest =
      phase.sum_bytes / (rates.sum * far_share) + phase.update_bytes / (rates.update * far_share);
  return shards + rest / cores + phase.serial_bytes / rates.near;
}

StepTime step_time(const PhaseForecast& phase, const DeviceRates& rates) {
  const double one = step_seconds(phase, rates, 1);
  const int most = std::min(phase.shards, rates.cores);
  if (most <= 1) return {0, one};
  const double all = step_seconds(phase, rates, most);
  const double parallel = std::clamp((one - all) / (1 - 1.0 / most), 0.0, one);
  return {one - parallel, parallel};
}

}  // namespace troupe
