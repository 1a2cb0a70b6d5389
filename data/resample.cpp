#include "data/resample.hpp"

#include <algorithm>
#include <cmath>

namespace troupe {

AxisFilter::AxisFilter(int count, double spacing, double field, int size) {
  const double scale = field / size / spacing;  // pixels a place
  const double radius = std::max(1.0, scale);
  const double margin = (field / spacing - count) / 2;
  for (int place = 0; place < size; ++place) {
    const double centre = (place + 0.5) * scale - margin;
    Taps t;
    t.weights = weights_.size();
    if (centre >= 0 && centre <= count) {
      t.first = static_cast<int>(std::max(0.0, std::ceil(centre - 0.5 - radius)));
      const int last = static_cast<int>(std::min(count - 1.0, std::floor(centre - 0.5 + radius)));
      double sum = 0;
      for (int k = t.first; k <= last; ++k) {
        weights_.push_back(static_cast<float>(std::max(0.0, 1 - std::abs(k + 0.5 - centre) / radius)));
        sum += weights_.back();
      }
      t.count = last - t.first + 1;
      // At the picture's edge the taps that are missing are made up for by the others: the edge is not
      // darkened.
      for (auto i = t.weights; i < weights_.size(); ++i) weights_[i] = static_cast<float>(weights_[i] / sum);
    }
    taps_.push_back(t);
  }
}

std::vector<float> resample(const PlaneView& plane, const AxisFilter& columns, const AxisFilter& rows) {
  const int size = columns.size();
  const auto row_of = [size](int y) { return static_cast<std::size_t>(y) * static_cast<std::size_t>(size); };
  std::vector<float> wide(row_of(plane.height));
  std::vector<float> line(static_cast<std::size_t>(plane.width));
  for (int y = 0; y < plane.height; ++y) {
    for (int x = 0; x < plane.width; ++x) line[static_cast<std::size_t>(x)] = plane.at(x, y);
    for (int x = 0; x < size; ++x) {
      const auto& t = columns.taps(x);
      const float* w = columns.weights(t);
      float sum = 0;
      for (int k = 0; k < t.count; ++k) sum += w[k] * line[static_cast<std::size_t>(t.first + k)];
      wide[row_of(y) + static_cast<std::size_t>(x)] = sum;
    }
  }
  std::vector<float> out(row_of(size));
  for (int y = 0; y < size; ++y) {
    const auto& t = rows.taps(y);
    const float* w = rows.weights(t);
    float* to = out.data() + row_of(y);
    for (int k = 0; k < t.count; ++k) {
      const float* from = wide.data() + row_of(t.first + k);
      for (int x = 0; x < size; ++x) to[x] += w[k] * from[x];
    }
  }
  return out;
}

std::vector<float> halve(std::span<const float> plane, int size) {
  const auto half = static_cast<std::size_t>(size / 2), full = static_cast<std::size_t>(size);
  std::vector<float> out(half * half);
  for (std::size_t y = 0; y < half; ++y) {
    const float* upper = plane.data() + 2 * y * full;
    const float* lower = upper + full;
    for (std::size_t x = 0; x < half; ++x) {
      out[y * half + x] = 0.25F * (upper[2 * x] + upper[2 * x + 1] + lower[2 * x] + lower[2 * x + 1]);
    }
  }
  return out;
}

}  // namespace troupe
