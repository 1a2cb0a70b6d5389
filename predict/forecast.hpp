#pragma once
// What a phase asks for, told before any of it is run. Values alone; whose networks they are of, a program
// knows (Program::forecast).
#include <array>
#include <cmath>

#include "base/units.hpp"

namespace troupe {

/// What operators have to do, sorted by what decides how fast a core does it.
struct Work {
  enum Pass { forward, backward_data, backward_weight };
  static constexpr int kPasses = 3;
  /// Convolutions of 4, 8, … 256 channels: the narrow ones leave most of a vector unit idle.
  static constexpr int kWidths = 7;
  static constexpr double kNarrowest = 4;
  /// Bytes that one elementwise kernel goes through up to which a core's own caches hold them.
  static constexpr double kNear = 1 << 20;

  std::array<std::array<double, kWidths>, kPasses> convolution_flops{};
  std::array<double, kPasses> convolutions{};  // how many
  double product_flops = 0, products = 0;
  double near_bytes = 0, far_bytes = 0, kernels = 0;  // read and written by elementwise kernels

  /// Flops of a width between two classes count for both in proportion.
  void convolution(Pass pass, double in, double out, double flops);
  void elementwise(double bytes) {
    (bytes <= kNear ? near_bytes : far_bytes) += bytes;
    ++kernels;
  }
  double flops() const;  // of convolutions and products
};

/// A phase of a job.
struct PhaseForecast {
  Bytes bytes;           // at the peak, with one worker
  Bytes bytes_a_worker;  // at most, more for each further one, on however many nodes they are
  Work shard;            // of one shard's step
  int shards = 1;
  double sum_bytes = 0, update_bytes = 0;  // of a step: read and written by sums and by the optimiser
  double serial_bytes = 0;                 // of a step: by one worker, while the others wait
};

}  // namespace troupe
