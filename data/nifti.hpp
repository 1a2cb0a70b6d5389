#pragma once
// NIfTI-1 and -2 volumes, plain and gzipped. The file is hostile until parsed.
#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/units.hpp"

namespace troupe {

struct Volume {
  std::array<int, 3> size{};        // voxels along x (right), y (anterior), z (superior), after orientation
  std::array<double, 3> spacing{};  // millimetres
  std::vector<float> voxels;        // x fastest; slope and intercept applied; not-a-number counted as 0
  std::int64_t not_finite = 0;      // voxels that were NaN or infinite
  std::string orientation;          // where each stored axis points, e.g. "LPI" grows left, back, down
};

struct NiftiLimits {
  Bytes max_bytes = gib(4);  // decoded; a header that claims more is refused before anything is allocated
};

/// Errors: not_found, io, bad_data with the field that lies.
Result<Volume> read_nifti(const std::filesystem::path& file, const NiftiLimits& limits = {});
Result<Volume> parse_nifti(std::span<const std::uint8_t> bytes, const std::string& name,
                           const NiftiLimits& limits = {});

}  // namespace troupe
