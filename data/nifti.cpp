#include "data/nifti.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/files.hpp"
#include "data/gzip.hpp"
#include "data/nifti_header.hpp"

namespace troupe {
namespace {

// Where the voxels stand in the file, seen along the image axes; in voxels.
struct Walk {
  std::array<std::int64_t, 3> stride{};
  std::int64_t start = 0;
};

Walk walk_of(const NiftiHeader& h, const Orientation& o) {
  const std::array<std::int64_t, 3> stored{1, h.size[0], h.size[0] * h.size[1]};
  Walk w;
  for (int d = 0; d < 3; ++d) {
    w.stride[d] = stored[o.from[d]];
    if (o.flip[d]) {
      w.start += w.stride[d] * (h.size[o.from[d]] - 1);
      w.stride[d] = -w.stride[d];
    }
  }
  return w;
}

template <class T, bool Swapped>
double load(const std::uint8_t* at) {
  std::array<std::uint8_t, sizeof(T)> b;
  std::memcpy(b.data(), at, sizeof(T));
  if constexpr (Swapped) std::reverse(b.begin(), b.end());
  return static_cast<double>(std::bit_cast<T>(b));
}

// Colour to grey by ITU-R BT.601; the alpha of RGBA is no intensity and is left out.
double load_grey(const std::uint8_t* at) { return 0.299 * at[0] + 0.587 * at[1] + 0.114 * at[2]; }

template <class Load>
void fill(Volume& v, const std::uint8_t* first, std::int64_t width, const Walk& w, double slope,
          double intercept, Load load_voxel) {
  float* out = v.voxels.data();
  for (std::int64_t z = 0; z < v.size[2]; ++z) {
    for (std::int64_t y = 0; y < v.size[1]; ++y) {
      std::int64_t at = w.start + z * w.stride[2] + y * w.stride[1];
      for (std::int64_t x = 0; x < v.size[0]; ++x, at += w.stride[0]) {
        const auto value = static_cast<float>(load_voxel(first + at * width) * slope + intercept);
        const bool finite = std::isfinite(value);
        *out++ = finite ? value : 0.0F;
        v.not_finite += !finite;
      }
    }
  }
}

template <class T>
void fill_as(Volume& v, const std::uint8_t* first, const Walk& w, const NiftiHeader& h) {
  if (h.swapped) {
    fill(v, first, sizeof(T), w, h.slope, h.intercept, load<T, true>);
  } else {
    fill(v, first, sizeof(T), w, h.slope, h.intercept, load<T, false>);
  }
}

void fill_any(Volume& v, const std::uint8_t* first, const Walk& w, const NiftiHeader& h) {
  switch (h.type) {
    case VoxelType::uint8:
      return fill_as<std::uint8_t>(v, first, w, h);
    case VoxelType::int8:
      return fill_as<std::int8_t>(v, first, w, h);
    case VoxelType::uint16:
      return fill_as<std::uint16_t>(v, first, w, h);
    case VoxelType::int16:
      return fill_as<std::int16_t>(v, first, w, h);
    case VoxelType::uint32:
      return fill_as<std::uint32_t>(v, first, w, h);
    case VoxelType::int32:
      return fill_as<std::int32_t>(v, first, w, h);
    case VoxelType::uint64:
      return fill_as<std::uint64_t>(v, first, w, h);
    case VoxelType::int64:
      return fill_as<std::int64_t>(v, first, w, h);
    case VoxelType::float32:
      return fill_as<float>(v, first, w, h);
    case VoxelType::float64:
      return fill_as<double>(v, first, w, h);
    // nifti1.h: slope and intercept do not apply to colours
    case VoxelType::rgb24:
      return fill(v, first, 3, w, 1, 0, load_grey);
    case VoxelType::rgba32:
      return fill(v, first, 4, w, 1, 0, load_grey);
  }
}

Result<Volume> parse_plain(std::span<const std::uint8_t> bytes, const std::string& name,
                           const NiftiLimits& limits) {
  const auto header = parse_nifti_header(bytes, name, limits);
  if (!header) return fail(header.error());
  const auto orientation = nearest_axes(*header, name);
  if (!orientation) return fail(orientation.error());
  Volume v;
  for (int d = 0; d < 3; ++d) v.size[d] = static_cast<int>(header->size[orientation->from[d]]);
  v.spacing = orientation->spacing;
  v.orientation = orientation->letters;
  v.voxels.resize(static_cast<std::size_t>(header->voxels));
  fill_any(v, bytes.data() + header->offset, walk_of(*header, *orientation), *header);
  return v;
}

}  // namespace

Result<Volume> parse_nifti(std::span<const std::uint8_t> bytes, const std::string& name,
                           const NiftiLimits& limits) {
  if (is_gzip(bytes)) {
    const auto plain = gunzip(bytes, name, limits.max_bytes);
    if (!plain) return fail(plain.error());
    return parse_plain(*plain, name, limits);
  }
  if (name.ends_with(".gz")) {
    return fail(
        {ErrorCode::bad_data, "is called .gz but is not gzip", name, "", "a file that begins 1f 8b 08", ""});
  }
  return parse_plain(bytes, name, limits);
}

Result<Volume> read_nifti(const std::filesystem::path& file, const NiftiLimits& limits) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    return fail({ErrorCode::not_found, "there is no such file", file.string(), "", "", ""});
  }
  if (!std::filesystem::is_regular_file(file, ignored)) {
    return fail({ErrorCode::io, "is no regular file", file.string(), "", "", ""});
  }
  const auto bytes = read_file(file, limits.max_bytes.count);
  if (!bytes) return fail(bytes.error());
  return parse_nifti({reinterpret_cast<const std::uint8_t*>(bytes->data()), bytes->size()}, file.string(),
                     limits);
}

}  // namespace troupe
