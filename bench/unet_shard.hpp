#pragma once
// A U-Net that segments slices, as one shard of a step computes it. Needs no LibTorch to be included.
#include <cstdint>
#include <memory>
#include <span>

#include "predict/forecast.hpp"

namespace troupe::bench {

struct UNetShape {
  int base = 8, depth = 2, side = 64, batch = 1;
};
constexpr int kTissues = 4;  // classes of a pixel

/// Its network lies over `parameters`, which stay where they are; its statistics are the shard's own.
class UNetShard {
 public:
  UNetShard(UNetShape shape, std::span<const float> parameters);
  ~UNetShard();
  /// Loss of images [batch, 1, side, side] whose pixels' classes follow from their grey, and its gradient.
  double run(std::span<const float> images, std::span<float> gradient);

 private:
  struct Net;
  UNetShape shape_;
  std::unique_ptr<Net> net_;
};

std::size_t unet_parameters(UNetShape shape);
/// As LibTorch begins such a network.
void unet_begin(UNetShape shape, std::span<float> parameters);
/// Of `shards` such shards (predict/module/): throws ErrorException.
PhaseForecast unet_forecast(UNetShape shape, int shards);

}  // namespace troupe::bench
