#pragma once
// A GAN of one resolution over the slices of the MRI package, run by slices as a cluster runs it.
#include "base/error.hpp"

namespace troupe::bench {
struct GanFigures {
  double overhead_share = 0;  // of a step: neither shards nor reduction nor update
  double images_per_second = 0;
};
/// The first fifth of the steps warms up and is not counted.
Result<GanFigures> train_gan(int resolution, std::int64_t steps);
}  // namespace troupe::bench
