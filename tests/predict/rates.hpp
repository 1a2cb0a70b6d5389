#pragma once
// A device of round numbers, and work for it.
#include "predict/roofline.hpp"

namespace troupe::testing {

/// 1 GFLOP/s and 1 GB/s at everything, four cores that don't disturb each other, operators that cost nothing.
inline DeviceRates even_rates() {
  DeviceRates rates;
  rates.device = "even";
  rates.cores = 4;
  for (auto& pass : rates.convolution) pass.fill(1e9);
  rates.product = rates.near = rates.far = rates.sum = rates.update = 1e9;
  return rates;
}

/// Four shards that take a second of one core together.
inline PhaseForecast second_of_work() {
  PhaseForecast phase;
  phase.shards = 4;
  phase.shard.product_flops = 0.25e9;
  return phase;
}

}  // namespace troupe::testing
