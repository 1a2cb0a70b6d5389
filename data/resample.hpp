#pragma once
// Pictures to squares of another size: a separable triangle filter that widens when it shrinks (no aliasing).
#include <cstdint>
#include <span>
#include <vector>

namespace troupe {

/// A view of one channel somewhere in memory; strides in floats.
struct PlaneView {
  const float* first = nullptr;
  int width = 0, height = 0;
  std::int64_t column_stride = 1, row_stride = 0;
  float at(int x, int y) const { return first[x * column_stride + y * row_stride]; }
};

/// The taps of one axis: `count` pixels of `spacing` each, centred in a field `field` wide (same unit, at
/// least count * spacing), sampled at `size` places. Places outside the pixels have no taps: background.
class AxisFilter {
 public:
  AxisFilter(int count, double spacing, double field, int size);
  struct Taps {
    int first = 0, count = 0;
    std::size_t weights = 0;
  };
  const Taps& taps(int place) const { return taps_[static_cast<std::size_t>(place)]; }
  const float* weights(const Taps& t) const { return weights_.data() + t.weights; }
  int size() const { return static_cast<int>(taps_.size()); }

 private:
  std::vector<Taps> taps_;
  std::vector<float> weights_;
};

/// size x size values, row-major; background is 0. Both filters have the same size.
std::vector<float> resample(const PlaneView& plane, const AxisFilter& columns, const AxisFilter& rows);
/// Means of 2x2: (size / 2)^2 values of size^2; size is even.
std::vector<float> halve(std::span<const float> plane, int size);

}  // namespace troupe
