#include "data/slices.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace troupe {
namespace {

constexpr double kLowShare = 0.005, kHighShare = 0.995;
constexpr float kBackground = 0.05F;

// Floats as integers of the same order (finite ones only).
std::uint32_t ordered(float v) {
  const auto bits = std::bit_cast<std::uint32_t>(v);
  return (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
}
float unordered(std::uint32_t key) {
  return std::bit_cast<float>((key & 0x80000000U) != 0 ? key & 0x7fffffffU : ~key);
}

using Histogram = std::vector<std::int64_t>;
constexpr std::size_t kBins = 1 << 16;

std::size_t bin_of_rank(const Histogram& bins, std::int64_t& rank) {
  std::size_t bin = 0;
  while (rank >= bins[bin]) rank -= bins[bin++];
  return bin;
}

// The voxel of this rank among those that are not zero: exact, in one more pass, without sorting or copying.
float value_of_rank(const std::vector<float>& voxels, const Histogram& upper, std::int64_t rank) {
  const auto high = bin_of_rank(upper, rank);
  Histogram lower(kBins);
  for (const float v : voxels) {
    if (v != 0 && ordered(v) >> 16 == high) ++lower[ordered(v) & 0xffffU];
  }
  return unordered(static_cast<std::uint32_t>(high << 16 | bin_of_rank(lower, rank)));
}

}  // namespace

Result<Axis> parse_axis(std::string_view name) {
  if (name == "axial") return Axis::axial;
  if (name == "coronal") return Axis::coronal;
  if (name == "sagittal") return Axis::sagittal;
  return fail({ErrorCode::bad_config, "data.axes names no axis", "", std::string(name),
               "axial, coronal, sagittal", ""});
}

int through(Axis axis) { return axis == Axis::axial ? 2 : axis == Axis::coronal ? 1 : 0; }

Slice cut(const Volume& v, Axis axis, int index) {
  // the volume's axes run to the right, to the front and upwards; a picture's rows run downwards
  const std::array<std::int64_t, 3> stride{1, v.size[0], std::int64_t{v.size[0]} * v.size[1]};
  const int across = axis == Axis::sagittal ? 1 : 0;
  const int down = axis == Axis::axial ? 1 : 2;
  const bool mirrored = axis == Axis::sagittal;
  Slice s;
  s.view.width = v.size[across];
  s.view.height = v.size[down];
  s.view.column_stride = mirrored ? -stride[across] : stride[across];
  s.view.row_stride = -stride[down];
  s.view.first = v.voxels.data() + index * stride[through(axis)] + (v.size[down] - 1) * stride[down] +
                 (mirrored ? (v.size[across] - 1) * stride[across] : 0);
  s.column_spacing = v.spacing[across];
  s.row_spacing = v.spacing[down];
  return s;
}

double field_of_view(const Volume& v) {
  double field = 0;
  for (int d = 0; d < 3; ++d) field = std::max(field, v.size[d] * v.spacing[d]);
  return field;
}

Window window_of(const Volume& volume) {
  Histogram upper(kBins);
  std::int64_t count = 0;
  for (const float v : volume.voxels) {
    if (v == 0) continue;
    ++upper[ordered(v) >> 16];
    ++count;
  }
  if (count == 0) return {0, 1, true};
  const auto rank = [count](double share) {
    return static_cast<std::int64_t>(share * static_cast<double>(count - 1));
  };
  Window w{value_of_rank(volume.voxels, upper, rank(kLowShare)),
           value_of_rank(volume.voxels, upper, rank(kHighShare)), false};
  if (w.low == w.high) {
    w.low = std::min(w.low, 0.0F);
    w.high = std::max(w.high, 0.0F);
  }
  return w;
}

void apply(const Window& w, std::vector<float>& voxels) {
  // in double: high - low may be past the largest float
  const double low = w.low, scale = 1 / (static_cast<double>(w.high) - low);
  for (float& v : voxels) v = static_cast<float>(std::clamp((v - low) * scale, 0.0, 1.0));
}

std::array<std::vector<double>, 3> contents_of(const Volume& v) {
  std::array<std::vector<std::int64_t>, 3> above;
  for (int d = 0; d < 3; ++d) above[d].resize(static_cast<std::size_t>(v.size[d]));
  const float* voxel = v.voxels.data();
  for (std::size_t z = 0; z < above[2].size(); ++z) {
    for (std::size_t y = 0; y < above[1].size(); ++y) {
      std::int64_t in_row = 0;
      for (std::size_t x = 0; x < above[0].size(); ++x) {
        const bool shown = *voxel++ > kBackground;
        above[0][x] += shown;
        in_row += shown;
      }
      above[1][y] += in_row;
      above[2][z] += in_row;
    }
  }
  std::array<std::vector<double>, 3> out;
  for (int d = 0; d < 3; ++d) {
    const auto pixels = static_cast<double>(v.voxels.size()) / v.size[d];
    for (const auto count : above[d]) out[d].push_back(static_cast<double>(count) / pixels);
  }
  return out;
}

}  // namespace troupe
