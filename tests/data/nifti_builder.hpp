#pragma once
// NIfTI files made byte by byte, good and bad.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

namespace troupe::testing {

struct NiftiBuilder {
  int version = 1;
  bool swapped = false;
  std::vector<std::int64_t> dim = {3, 2, 3, 4};
  int datatype = 2, bitpix = 8;
  std::array<double, 4> pixdim = {1, 1, 1, 1};
  double vox_offset = 0;  // 0: where the voxels are
  double slope = 0, intercept = 0;
  int units = 2, qform = 0, sform = 0;
  std::array<double, 3> quatern{};
  std::array<double, 12> srow{};
  const char* magic = nullptr;  // nullptr: the right one
  std::int32_t sizeof_hdr = 0;  // 0: the right one
  std::vector<std::uint8_t> voxels;

  template <class T>
  void put(std::vector<std::uint8_t>& out, std::size_t at, T value) const {
    std::array<std::uint8_t, sizeof(T)> b;
    std::memcpy(b.data(), &value, sizeof(T));
    if (swapped) std::reverse(b.begin(), b.end());
    std::copy(b.begin(), b.end(), out.begin() + static_cast<std::ptrdiff_t>(at));
  }
  template <class T>
  NiftiBuilder& append(T value) {
    voxels.resize(voxels.size() + sizeof(T));
    put(voxels, voxels.size() - sizeof(T), value);
    return *this;
  }
  /// The voxels 0, 1, 2 … as bytes.
  NiftiBuilder& count_up() {
    std::int64_t n = 1;
    for (std::size_t i = 1; i < dim.size(); ++i) n *= dim[i];
    for (std::int64_t i = 0; i < n; ++i) append(static_cast<std::uint8_t>(i));
    return *this;
  }
  std::vector<std::uint8_t> bytes() const { return version == 1 ? bytes1() : bytes2(); }

 private:
  std::vector<std::uint8_t> bytes1() const {
    std::vector<std::uint8_t> out(352);
    put<std::int32_t>(out, 0, sizeof_hdr != 0 ? sizeof_hdr : 348);
    for (std::size_t i = 0; i < dim.size(); ++i) put(out, 40 + 2 * i, static_cast<std::int16_t>(dim[i]));
    put(out, 70, static_cast<std::int16_t>(datatype));
    put(out, 72, static_cast<std::int16_t>(bitpix));
    for (std::size_t i = 0; i < 4; ++i) put(out, 76 + 4 * i, static_cast<float>(pixdim[i]));
    put(out, 108, static_cast<float>(vox_offset != 0 ? vox_offset : 352));
    put(out, 112, static_cast<float>(slope));
    put(out, 116, static_cast<float>(intercept));
    out[123] = static_cast<std::uint8_t>(units);
    put(out, 252, static_cast<std::int16_t>(qform));
    put(out, 254, static_cast<std::int16_t>(sform));
    for (std::size_t i = 0; i < 3; ++i) put(out, 256 + 4 * i, static_cast<float>(quatern[i]));
    for (std::size_t i = 0; i < 12; ++i) put(out, 280 + 4 * i, static_cast<float>(srow[i]));
    std::memcpy(out.data() + 344, magic != nullptr ? magic : "n+1", 4);
    out.insert(out.end(), voxels.begin(), voxels.end());
    return out;
  }
  std::vector<std::uint8_t> bytes2() const {
    std::vector<std::uint8_t> out(544);
    put<std::int32_t>(out, 0, 540);
    std::memcpy(out.data() + 4, "n+2\0\r\n\032\n", 8);
    put(out, 12, static_cast<std::int16_t>(datatype));
    put(out, 14, static_cast<std::int16_t>(bitpix));
    for (std::size_t i = 0; i < dim.size(); ++i) put(out, 16 + 8 * i, dim[i]);
    for (std::size_t i = 0; i < 4; ++i) put(out, 104 + 8 * i, pixdim[i]);
    put(out, 168, static_cast<std::int64_t>(vox_offset != 0 ? vox_offset : 544));
    put(out, 176, slope);
    put(out, 184, intercept);
    put(out, 500, static_cast<std::int32_t>(units));
    put(out, 344, static_cast<std::int32_t>(qform));
    put(out, 348, static_cast<std::int32_t>(sform));
    for (std::size_t i = 0; i < 3; ++i) put(out, 352 + 8 * i, quatern[i]);
    for (std::size_t i = 0; i < 12; ++i) put(out, 400 + 8 * i, srow[i]);
    out.insert(out.end(), voxels.begin(), voxels.end());
    return out;
  }
};

}  // namespace troupe::testing
