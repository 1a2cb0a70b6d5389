#pragma once
// What the two measures share. Private to train/.
#include <functional>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "data/image.hpp"

namespace troupe::quality {

/// One channel of an image, row-major.
struct Plane {
  int width = 0, height = 0;
  std::vector<float> values;
  float at(int x, int y) const { return values[static_cast<std::size_t>(y) * width + x]; }
};

/// The channels of an image as planes.
std::vector<Plane> planes_of(const Image& image);

/// All of one size and channel count, with as many values as that takes; `least` images or more.
Result<void> check_same(std::span<const Image> images, std::size_t least);

/// f(i) for 0 … n-1, spread over threads. f must not depend on which thread runs it. What f throws
/// comes back as an ErrorException.
void parallel_each(int threads, std::size_t n, const std::function<void(std::size_t)>& f);

}  // namespace troupe::quality
