#include "data/nifti_header.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace troupe {
namespace {

// Where NIfTI-1 and -2 keep the same fields.
struct Layout {
  int version, header_bytes, first_voxel;
  int magic, datatype, bitpix, dim, pixdim, vox_offset, slope, inter, units, qform, sform, quatern, srow;
};
constexpr Layout kOne{1, 348, 352, 344, 70, 72, 40, 76, 108, 112, 116, 123, 252, 254, 256, 280};
constexpr Layout kTwo{2, 540, 544, 4, 12, 14, 16, 104, 168, 176, 184, 500, 344, 348, 352, 400};
constexpr std::int64_t kLongestSide = 65536;  // NIfTI-2 could say 2^63; no scanner makes more than this
constexpr double kLeastSpacing = 1e-6, kMostSpacing = 1e6;  // millimetres: a nanometre to a kilometre

std::string text(double v) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%g", v);
  return buffer;
}

class Fields {
 public:
  Fields(std::span<const std::uint8_t> bytes, const Layout& layout, bool swapped)
      : bytes_(bytes), at_(layout), swapped_(swapped) {}
  template <class T>
  T raw(int offset) const {
    std::array<std::uint8_t, sizeof(T)> b;
    std::memcpy(b.data(), bytes_.data() + offset, sizeof(T));
    if (swapped_) std::reverse(b.begin(), b.end());
    return std::bit_cast<T>(b);
  }
  // Number i of a field that is `A` wide in NIfTI-1 and `B` in NIfTI-2.
  template <class A, class B>
  B get(int offset, int i = 0) const {
    if (at_.version == 1) return static_cast<B>(raw<A>(offset + i * static_cast<int>(sizeof(A))));
    return raw<B>(offset + i * static_cast<int>(sizeof(B)));
  }
  double real(int offset, int i = 0) const { return get<float, double>(offset, i); }
  std::int64_t dim(int i) const { return get<std::int16_t, std::int64_t>(at_.dim, i); }
  int datatype() const { return raw<std::int16_t>(at_.datatype); }
  int bitpix() const { return raw<std::int16_t>(at_.bitpix); }
  double vox_offset() const {
    return at_.version == 1 ? raw<float>(at_.vox_offset)
                            : static_cast<double>(raw<std::int64_t>(at_.vox_offset));
  }
  int code(int offset) const { return get<std::int16_t, std::int32_t>(offset); }
  int units() const { return get<std::int8_t, std::int32_t>(at_.units); }
  const Layout& at() const { return at_; }

 private:
  std::span<const std::uint8_t> bytes_;
  const Layout& at_;
  bool swapped_;
};

struct Checker {
  std::string name;
  tl::unexpected<Error> bad(std::string what, std::string given = "", std::string allowed = "",
                            std::string hint = "") const {
    return fail(
        {ErrorCode::bad_data, std::move(what), name, std::move(given), std::move(allowed), std::move(hint)});
  }
};

struct Kind {
  const Layout* layout;
  bool swapped;
};

Result<Kind> recognise(std::span<const std::uint8_t> bytes, const Checker& check) {
  if (bytes.size() < 4)
    return check.bad("is too short for a NIfTI header", std::to_string(bytes.size()) + " bytes");
  for (const Layout* layout : {&kOne, &kTwo}) {
    for (bool swapped : {false, true}) {
      if (Fields(bytes, *layout, swapped).raw<std::int32_t>(0) != layout->header_bytes) continue;
      if (bytes.size() < static_cast<std::size_t>(layout->header_bytes)) {
        return check.bad("is cut short inside its NIfTI header", std::to_string(bytes.size()) + " bytes",
                         std::to_string(layout->header_bytes) + " and the voxels", "Fetch the file again");
      }
      const char* magic = reinterpret_cast<const char*>(bytes.data()) + layout->magic;
      if (std::memcmp(magic, layout->version == 1 ? "ni1" : "ni2", 4) == 0) {
        return check.bad("is the header of a .hdr/.img pair, which troupe does not read", "magic 'ni'",
                         "single files, magic 'n+1' or 'n+2'", "Convert it to .nii or .nii.gz");
      }
      if (std::memcmp(magic, layout->version == 1 ? "n+1" : "n+2", 4) != 0) {
        return check.bad("magic is not that of NIfTI (an Analyze 7.5 header, perhaps)", "", "'n+1' or 'n+2'",
                         "Convert it to .nii or .nii.gz");
      }
      return Kind{layout, swapped};
    }
  }
  return check.bad("is no NIfTI file: sizeof_hdr is wrong in both byte orders",
                   std::to_string(Fields(bytes, kOne, false).raw<std::int32_t>(0)), "348 or 540");
}

Result<VoxelType> voxel_type(const Fields& f, const Checker& check) {
  static constexpr std::pair<int, VoxelType> kTypes[] = {
      {2, VoxelType::uint8},    {4, VoxelType::int16},     {8, VoxelType::int32},
      {16, VoxelType::float32}, {64, VoxelType::float64},  {128, VoxelType::rgb24},
      {256, VoxelType::int8},   {512, VoxelType::uint16},  {768, VoxelType::uint32},
      {1024, VoxelType::int64}, {1280, VoxelType::uint64}, {2304, VoxelType::rgba32}};
  static constexpr std::pair<int, const char*> kRefused[] = {{0, "unknown"},       {1, "binary"},
                                                             {32, "complex64"},    {1536, "float128"},
                                                             {1792, "complex128"}, {2048, "complex256"}};
  const auto code = f.datatype();
  for (const auto& [known, type] : kTypes) {
    if (known != code) continue;
    const auto bits = 8 * bytes_of(type);
    if (f.bitpix() != 0 && f.bitpix() != bits) {
      return check.bad("bitpix contradicts datatype " + std::to_string(code), std::to_string(f.bitpix()),
                       std::to_string(bits));
    }
    return type;
  }
  std::string given = std::to_string(code);
  for (const auto& [known, word] : kRefused) {
    if (known == code) given += std::string(", ") + word;
  }
  return check.bad("datatype is none that troupe reads", given,
                   "int8 … uint64, float32, float64, RGB24, RGBA32", "Convert the volume to float32");
}

Result<void> read_sizes(NiftiHeader& h, const Fields& f, const Checker& check) {
  const auto rank = f.dim(0);
  if (rank < 1 || rank > 7) return check.bad("dim[0] is out of range", std::to_string(rank), "1 … 7");
  h.voxels = 1;
  for (int i = 1; i <= rank; ++i) {
    const auto n = f.dim(i);
    if (n < 1 || (i <= 3 && n > kLongestSide)) {
      return check.bad("dim[" + std::to_string(i) + "] is out of range", std::to_string(n),
                       "1 … " + std::to_string(kLongestSide));
    }
    // three sides of 2^16: no overflow in 64 bits
    if (i <= 3) h.voxels *= n;
  }
  for (int i = 0; i < 3; ++i) h.size[i] = i < rank ? f.dim(i + 1) : 1;
  return {};
}

Result<void> read_extent(NiftiHeader& h, const Fields& f, std::int64_t file_bytes, const NiftiLimits& limits,
                         const Checker& check) {
  const auto decoded = h.voxels * std::max<std::int64_t>(bytes_of(h.type), sizeof(float));
  if (decoded > limits.max_bytes.count) {
    return check.bad("dim claims a volume past the limit", to_string(Bytes{decoded}),
                     "at most " + to_string(limits.max_bytes));
  }
  const double offset = f.vox_offset();
  if (!(offset >= f.at().first_voxel) || offset > 9e15 || offset != std::floor(offset)) {
    return check.bad("vox_offset lies", text(offset),
                     "a whole number from " + std::to_string(f.at().first_voxel) + " to the end of the file");
  }
  h.offset = static_cast<std::int64_t>(offset);
  const auto stored = h.voxels * bytes_of(h.type);
  if (h.offset > file_bytes || stored > file_bytes - h.offset) {
    return check.bad("is cut short, or dim or vox_offset lies: fewer bytes than the header needs",
                     std::to_string(file_bytes) + " bytes",
                     std::to_string(h.offset) + " + " + std::to_string(stored), "Fetch the file again");
  }
  return {};
}

Result<void> read_scaling(NiftiHeader& h, const Fields& f, const Checker& check) {
  const double slope = f.real(f.at().slope), intercept = f.real(f.at().inter);
  if (slope == 0 || std::isnan(slope))
    return {};  // the standard's "no scaling", and what some writers put instead
  if (!std::isfinite(slope)) return check.bad("scl_slope is not finite", text(slope));
  if (!std::isfinite(intercept)) return check.bad("scl_inter is not finite", text(intercept));
  h.scaled = slope != 1 || intercept != 0;
  h.slope = slope;
  h.intercept = intercept;
  return {};
}

// Column norms: |pixdim| with nothing stated taken as 1, as the reference library does.
Result<std::array<double, 3>> read_pixdim(const Fields& f, const Checker& check) {
  std::array<double, 3> out{};
  for (int i = 0; i < 3; ++i) {
    const double v = f.real(f.at().pixdim, i + 1);
    if (!std::isfinite(v)) return check.bad("pixdim[" + std::to_string(i + 1) + "] is not finite", text(v));
    out[i] = v == 0 || i >= f.dim(0) ? 1 : std::abs(v);
  }
  return out;
}

Result<void> from_sform(NiftiHeader& h, const Fields& f, const Checker& check) {
  for (int row = 0; row < 3; ++row) {
    for (int i = 0; i < 3; ++i) {
      h.axes[row][i] = f.real(f.at().srow, 4 * row + i);
      if (!std::isfinite(h.axes[row][i])) {
        return check.bad(std::string("srow_") + "xyz"[row] + " is not finite", text(h.axes[row][i]));
      }
    }
  }
  return {};
}

// nifti1.h, method 2: a unit quaternion whose real part is left out, and a handedness in pixdim[0].
Result<void> from_qform(NiftiHeader& h, const Fields& f, const std::array<double, 3>& pixdim,
                        const Checker& check) {
  double b = f.real(f.at().quatern, 0), c = f.real(f.at().quatern, 1), d = f.real(f.at().quatern, 2);
  const double norm = b * b + c * c + d * d;
  if (!std::isfinite(norm))
    return check.bad("quatern_b, _c, _d are not finite", text(b) + ", " + text(c) + ", " + text(d));
  double a = 0;
  if (norm < 1) {
    a = std::sqrt(1 - norm);
  } else {
    const double shrink = 1 / std::sqrt(norm);
    b *= shrink;
    c *= shrink;
    d *= shrink;
  }
  const double rotation[3][3] = {{a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)},
                                 {2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)},
                                 {2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c}};
  const double handed = f.real(f.at().pixdim, 0) < 0 ? -1 : 1;
  for (int row = 0; row < 3; ++row) {
    for (int i = 0; i < 3; ++i) h.axes[row][i] = rotation[row][i] * pixdim[i] * (i == 2 ? handed : 1);
  }
  return {};
}

Result<void> read_axes(NiftiHeader& h, const Fields& f, const Checker& check) {
  const auto pixdim = read_pixdim(f, check);
  if (!pixdim) return fail(pixdim.error());
  Result<void> read;
  if (f.code(f.at().sform) > 0) {
    read = from_sform(h, f, check);
  } else if (f.code(f.at().qform) > 0) {
    read = from_qform(h, f, *pixdim, check);
  } else {
    for (int i = 0; i < 3; ++i) h.axes[i][i] = (*pixdim)[i];
  }
  if (!read) return read;
  const int unit = f.units() & 7;  // 1 metre, 2 millimetre, 3 micrometre
  const double millimetres = unit == 1 ? 1e3 : unit == 3 ? 1e-3 : 1;
  for (auto& row : h.axes) {
    for (auto& v : row) v *= millimetres;
  }
  return {};
}

}  // namespace

std::int64_t bytes_of(VoxelType type) {
  switch (type) {
    case VoxelType::uint8:
    case VoxelType::int8:
      return 1;
    case VoxelType::uint16:
    case VoxelType::int16:
      return 2;
    case VoxelType::rgb24:
      return 3;
    case VoxelType::uint32:
    case VoxelType::int32:
    case VoxelType::float32:
    case VoxelType::rgba32:
      return 4;
    default:
      return 8;
  }
}

Result<NiftiHeader> parse_nifti_header(std::span<const std::uint8_t> bytes, const std::string& name,
                                       const NiftiLimits& limits) {
  const Checker check{name};
  const auto kind = recognise(bytes, check);
  if (!kind) return fail(kind.error());
  const Fields f(bytes, *kind->layout, kind->swapped);
  NiftiHeader h;
  h.version = kind->layout->version;
  h.swapped = kind->swapped;
  const auto type = voxel_type(f, check);
  if (!type) return fail(type.error());
  h.type = *type;
  return read_sizes(h, f, check)
      .and_then([&] { return read_extent(h, f, static_cast<std::int64_t>(bytes.size()), limits, check); })
      .and_then([&] { return read_scaling(h, f, check); })
      .and_then([&] { return read_axes(h, f, check); })
      .map([&] { return h; });
}

Result<Orientation> nearest_axes(const NiftiHeader& header, const std::string& name) {
  const Checker check{name};
  std::array<double, 3> length{};
  for (int i = 0; i < 3; ++i) {
    length[i] = std::hypot(header.axes[0][i], header.axes[1][i], header.axes[2][i]);
    if (!(length[i] >= kLeastSpacing && length[i] <= kMostSpacing)) {
      return check.bad(
          "the voxel size along axis " + std::to_string(i + 1) + " (srow_x, _y, _z, or pixdim) is absurd",
          text(length[i]) + " mm", text(kLeastSpacing) + " … " + text(kMostSpacing) + " mm");
    }
  }
  std::array<int, 3> order{0, 1, 2}, best = order;
  double best_sum = -1;
  do {
    double sum = 0;
    for (int d = 0; d < 3; ++d) sum += std::abs(header.axes[d][order[d]]) / length[order[d]];
    if (sum > best_sum) {
      best_sum = sum;
      best = order;
    }
  } while (std::next_permutation(order.begin(), order.end()));
  Orientation out;
  out.letters = "???";
  for (int d = 0; d < 3; ++d) {
    const int i = best[d];
    const double along = header.axes[d][i];
    if (std::abs(along) < 1e-6 * length[i]) {
      return check.bad("srow_x, _y, _z span no volume: two stored axes point the same way");
    }
    out.from[d] = i;
    out.flip[d] = along < 0;
    out.spacing[d] = length[i];
    out.letters[i] = (along < 0 ? "LPI" : "RAS")[d];
  }
  return out;
}

}  // namespace troupe
