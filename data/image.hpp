#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace troupe {
/// Grey or colour image, row-major, interleaved channels, values 0 … 1.
struct Image {
  int width = 0, height = 0, channels = 1;
  std::vector<float> pixels;  // height * width * channels
};
}  // namespace troupe
