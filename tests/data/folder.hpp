#pragma once
// A folder of a test's own, and files of small data in it.
#include <filesystem>
#include <string>
#include <vector>

#include "data/png.hpp"
#include "tests/data/nifti_builder.hpp"
#include "tests/temp_folder.hpp"

namespace troupe::testing {

/// Files of bytes.
class Folder : public test::TempFolder {
 public:
  std::filesystem::path put(const std::string& name, const std::vector<std::uint8_t>& bytes) const {
    return write(name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
};

/// A ball of `side` voxels across in a cube of zeros, brighter towards the front (y) and top (z).
inline std::vector<std::uint8_t> ball(int side = 32) {
  NiftiBuilder b;
  b.dim = {3, side, side, side};
  for (int z = 0; z < side; ++z) {
    for (int y = 0; y < side; ++y) {
      for (int x = 0; x < side; ++x) {
        const double r = side / 2.0, dx = x + 0.5 - r, dy = y + 0.5 - r, dz = z + 0.5 - r;
        const bool inside = dx * dx + dy * dy + dz * dz < 0.8 * r * r;
        b.append(static_cast<std::uint8_t>(inside ? 60 + 2 * y + z : 0));
      }
    }
  }
  return b.bytes();
}

inline std::vector<std::uint8_t> picture(int width, int height, int channels, float level) {
  return encode_png({width, height, channels,
                     std::vector<float>(static_cast<std::size_t>(width * height * channels), level)});
}

}  // namespace troupe::testing
