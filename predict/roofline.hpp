#pragma once
// Seconds of a step from its work and the rates of the device at hand. Pure. Who measures the rates:
// train/gan/calibrate.hpp; where they are kept: predict/rates_file.hpp.
#include <string>

#include "predict/forecast.hpp"

namespace troupe {

/// Of one device, by one core that has it for itself. FLOP or bytes a second, and seconds.
struct DeviceRates {
  std::string device;  // which: model, instruction set, cores, version of troupe
  int cores = 1;
  std::array<std::array<double, Work::kWidths>, Work::kPasses> convolution{};
  double product = 0, near = 0, far = 0, sum = 0, update = 0;
  /// Of an operator beside its arithmetic.
  std::array<double, Work::kPasses> convolution_cost{};
  double product_cost = 0, kernel_cost = 0;
  /// What is left of a core's rate while all `cores` are at work; between one and all it falls evenly.
  double arithmetic_share = 1, near_share = 1, far_share = 1;
  double shared_cache = 0;  // bytes that cores have together; 0: none, or nobody knows

  /// Every rate positive and finite, every share in 0 … 1: what a file may hold.
  bool valid() const;
  friend bool operator==(const DeviceRates&, const DeviceRates&) = default;
};

/// What a core keeps of a rate while `working` of a device's `cores` are at work, if with all of them it
/// keeps `share_of_all`.
double kept_rate(double share_of_all, int working, int cores);

/// Wall seconds of a step on `cores` cores (at least 1) of such a device. Shards are taken whole, what they
/// leave over is shared out (train/shard_work.hpp); sums and updates are shared out too.
double step_seconds(const PhaseForecast& phase, const DeviceRates& rates, int cores);

/// The same as serial + parallel / cores, through one core and as many as are of use.
struct StepTime {
  double serial_seconds = 0, parallel_seconds = 0;
};
StepTime step_time(const PhaseForecast& phase, const DeviceRates& rates);

}  // namespace troupe
