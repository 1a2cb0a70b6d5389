#pragma once
// Made-up sets of images: soft blobs at random places, so that patches differ and pairs resemble each other a
// little.
#include <cmath>
#include <vector>

#include "base/random.hpp"
#include "data/image.hpp"

namespace troupe::test {

inline Image blob(int size, int channels, Draw& draw) {
  Image image{size, size, channels, {}};
  const float cx = size * (0.3f + 0.4f * draw.uniform()), cy = size * (0.3f + 0.4f * draw.uniform());
  const float radius = size * (0.1f + 0.2f * draw.uniform());
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x)
      for (int c = 0; c < channels; ++c) {
        const float distance = std::hypot(x - cx, y - cy - static_cast<float>(c)) / radius;
        image.pixels.push_back(0.1f + 0.7f * std::exp(-distance * distance) + 0.1f * draw.uniform());
      }
  return image;
}

inline std::vector<Image> blobs(int count, int size, int channels, std::int64_t seed) {
  Draw draw(seed, size, 0, Purpose::test);
  std::vector<Image> images;
  for (int i = 0; i < count; ++i) images.push_back(blob(size, channels, draw));
  return images;
}

}  // namespace troupe::test
