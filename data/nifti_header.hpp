#pragma once
// The header of a NIfTI file, parsed and checked: nothing in it is believed that the file cannot hold.
// Fields and offsets: nifti1.h (R. W. Cox, NIMH) and nifti2.h.
#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "base/error.hpp"
#include "data/nifti.hpp"

namespace troupe {

enum class VoxelType {
  uint8,
  int8,
  uint16,
  int16,
  uint32,
  int32,
  uint64,
  int64,
  float32,
  float64,
  rgb24,
  rgba32
};
std::int64_t bytes_of(VoxelType type);

struct NiftiHeader {
  int version = 1;       // 1 or 2
  bool swapped = false;  // stored in the other byte order than this machine's
  VoxelType type = VoxelType::uint8;
  std::array<std::int64_t, 3> size{};  // stored axes i, j, k
  std::int64_t voxels = 0;             // of the first volume
  std::int64_t offset = 0;             // of the first voxel
  bool scaled = false;
  double slope = 1, intercept = 0;
  std::array<std::array<double, 3>, 3>
      axes{};  // column i: millimetres right, anterior, superior a step of stored axis i
};

/// `bytes` is the whole unpacked file. bad_data names the field that lies, as nifti1.h spells it.
Result<NiftiHeader> parse_nifti_header(std::span<const std::uint8_t> bytes, const std::string& name,
                                       const NiftiLimits& limits);

/// How the stored axes lie: image axis d (right, anterior, superior) is stored axis `from[d]`, backwards
/// where `flip[d]`.
struct Orientation {
  std::array<int, 3> from{};
  std::array<bool, 3> flip{};
  std::array<double, 3> spacing{};  // of the image axes, millimetres
  std::string letters;              // the direction in which each stored axis grows, e.g. "LPI"
};
/// The nearest axes: the permutation with the largest sum of cosines.
Result<Orientation> nearest_axes(const NiftiHeader& header, const std::string& name);

}  // namespace troupe
