#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/random.hpp"
#include "train/quality.hpp"
#include "train/quality_parts.hpp"

namespace troupe {
namespace {
using quality::Plane;

constexpr int kSmallest = 4, kLastLevel = 16;
constexpr std::size_t kBlock =
    64;  // directions projected upon at a time: a block's sums stay in registers and L1

/// Index reflected about the borders without repeating them (…2 1 0 1 2…).
int mirror(int i, int n) {
  if (n == 1) return 0;
  i = std::abs(i);
  return i < n ? i : 2 * (n - 1) - i;
}

constexpr std::array<float, 5> kBinomial = {1 / 16.f, 4 / 16.f, 6 / 16.f, 4 / 16.f, 1 / 16.f};

/// 5x5 binomial filter, times `gain` in each direction.
Plane smooth(const Plane& in, float gain) {
  Plane across = in, out = in;
  for (int y = 0; y < in.height; ++y)
    for (int x = 0; x < in.width; ++x) {
      float sum = 0;
      for (int k = 0; k < 5; ++k) sum += kBinomial[k] * in.at(mirror(x + k - 2, in.width), y);
      across.values[static_cast<std::size_t>(y) * in.width + x] = gain * sum;
    }
  for (int y = 0; y < in.height; ++y)
    for (int x = 0; x < in.width; ++x) {
      float sum = 0;
      for (int k = 0; k < 5; ++k) sum += kBinomial[k] * across.at(x, mirror(y + k - 2, in.height));
      out.values[static_cast<std::size_t>(y) * in.width + x] = gain * sum;
    }
  return out;
}

Plane down(const Plane& in) {
  const Plane smoothed = smooth(in, 1);
  Plane out{in.width / 2, in.height / 2, {}};
  out.values.reserve(static_cast<std::size_t>(out.width) * out.height);
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x) out.values.push_back(smoothed.at(2 * x, 2 * y));
  return out;
}

Plane up(const Plane& in) {
  Plane sparse{in.width * 2, in.height * 2, {}};
  sparse.values.assign(static_cast<std::size_t>(sparse.width) * sparse.height, 0);
  for (int y = 0; y < in.height; ++y)
    for (int x = 0; x < in.width; ++x)
      sparse.values[static_cast<std::size_t>(2 * y) * sparse.width + 2 * x] = in.at(x, y);
  return smooth(sparse, 2);
}

/// Laplacian pyramid of one channel, finest first; the last level is what is left, smoothed.
std::vector<Plane> laplacian(Plane plane, std::size_t levels) {
  std::vector<Plane> pyramid;
  while (pyramid.size() + 1 < levels) {
    Plane smaller = down(plane);
    const Plane back = up(smaller);
    for (std::size_t i = 0; i < plane.values.size(); ++i) plane.values[i] -= back.values[i];
    pyramid.push_back(std::move(plane));
    plane = std::move(smaller);
  }
  pyramid.push_back(std::move(plane));
  return pyramid;
}

/// Descriptors of a set at one level: [images * patches][channels * side * side].
struct Descriptors {
  std::size_t rows = 0, dims = 0;
  std::vector<float> values;
};

void normalise(Descriptors& d, int channels) {
  const auto per = d.dims / static_cast<std::size_t>(channels);
  for (int c = 0; c < channels; ++c) {
    double sum = 0, squares = 0;
    for (std::size_t r = 0; r < d.rows; ++r)
      for (std::size_t i = c * per; i < (c + 1) * per; ++i) sum += d.values[r * d.dims + i];
    const double mean = sum / static_cast<double>(d.rows * per);
    for (std::size_t r = 0; r < d.rows; ++r)
      for (std::size_t i = c * per; i < (c + 1) * per; ++i) {
        const double v = d.values[r * d.dims + i] - mean;
        squares += v * v;
      }
    const double deviation = std::sqrt(squares / static_cast<double>(d.rows * per));
    const double scale =
        deviation > 1e-8 ? 1 / deviation : 0;  // a set of flat patches has nothing to compare
    for (std::size_t r = 0; r < d.rows; ++r)
      for (std::size_t i = c * per; i < (c + 1) * per; ++i)
        d.values[r * d.dims + i] = static_cast<float>((d.values[r * d.dims + i] - mean) * scale);
  }
}

Descriptors describe(const std::vector<std::vector<std::vector<Plane>>>& pyramids, std::size_t level,
                     const SlicedOptions& options) {
  const auto channels = pyramids.front().size();
  const int size = pyramids.front().front()[level].width, side = patch_side(size);
  Descriptors d{pyramids.size() * options.patches, channels * side * side, {}};
  d.values.resize(d.rows * d.dims);
  quality::parallel_each(options.threads, pyramids.size(), [&](std::size_t image) {
    const auto corners = sliced::corners(size, static_cast<int>(image), options.patches, options.seed);
    float* out = d.values.data() + image * options.patches * d.dims;
    for (const auto& [left, top] : corners)
      for (const auto& channel : pyramids[image])
        for (int y = 0; y < side; ++y)
          for (int x = 0; x < side; ++x) *out++ = channel[level].at(left + x, top + y);
  });
  normalise(d, static_cast<int>(channels));
  return d;
}

/// Ascending order by three passes of a radix sort over 11 bits: twice to four times as fast as a comparison
/// sort.
void sort_floats(std::span<float> values, std::vector<std::uint32_t>& keys,
                 std::vector<std::uint32_t>& other) {
  keys.resize(values.size()), other.resize(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(values[i]);
    keys[i] = bits ^ ((bits >> 31) != 0 ? 0xffffffffu : 0x80000000u);
  }
  for (int shift = 0; shift < 32; shift += 11) {
    std::array<std::uint32_t, 2049> starts{};
    for (const auto key : keys) ++starts[((key >> shift) & 2047) + 1];
    for (std::size_t i = 1; i < starts.size(); ++i) starts[i] += starts[i - 1];
    for (const auto key : keys) other[starts[(key >> shift) & 2047]++] = key;
    keys.swap(other);
  }
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = std::bit_cast<float>(keys[i] ^ ((keys[i] >> 31) != 0 ? 0x80000000u : 0xffffffffu));
}

/// Projections upon each direction, sorted: [directions][rows].
std::vector<float> project(const Descriptors& d, const std::vector<float>& directions, int count,
                           int threads) {
  std::vector<float> out(d.rows * static_cast<std::size_t>(count));
  const auto blocks = (static_cast<std::size_t>(count) + kBlock - 1) / kBlock;
  quality::parallel_each(threads, blocks, [&](std::size_t block) {
    const auto first = block * kBlock, n = std::min(kBlock, static_cast<std::size_t>(count) - first);
    std::array<float, kBlock> sums;
    for (std::size_t r = 0; r < d.rows; ++r) {
      sums.fill(0);
      for (std::size_t i = 0; i < d.dims; ++i) {
        const float v = d.values[r * d.dims + i];
        const float* direction = directions.data() + i * static_cast<std::size_t>(count) + first;
        for (std::size_t k = 0; k < n; ++k) sums[k] += v * direction[k];
      }
      for (std::size_t k = 0; k < n; ++k) out[(first + k) * d.rows + r] = sums[k];
    }
    std::vector<std::uint32_t> keys, other;
    for (std::size_t k = 0; k < n; ++k) sort_floats({out.data() + (first + k) * d.rows, d.rows}, keys, other);
  });
  return out;
}

Error bad(std::string what, std::string given, std::string allowed) {
  return {ErrorCode::bad_data, std::move(what), "", std::move(given), std::move(allowed), ""};
}
}  // namespace

std::vector<int> sliced_levels(int size) {
  std::vector<int> levels{size};
  while (levels.back() / 2 >= kLastLevel) levels.push_back(levels.back() / 2);
  return levels;
}

int patch_side(int level_size) { return level_size >= kLastLevel ? 7 : level_size >= 8 ? 5 : 3; }

namespace sliced {
std::vector<std::pair<int, int>> corners(int level_size, int image, int patches, std::int64_t seed) {
  Draw draw(seed, level_size, image, Purpose::order);
  const auto places = static_cast<std::uint64_t>(level_size - patch_side(level_size) + 1);
  std::vector<std::pair<int, int>> result;
  for (int i = 0; i < patches; ++i) {
    const int x = static_cast<int>(draw.below(places));
    result.emplace_back(x, static_cast<int>(draw.below(places)));
  }
  return result;
}

std::vector<float> directions(int dims, int count, int level_size, std::int64_t seed) {
  std::vector<float> result(static_cast<std::size_t>(dims) * count);
  Draw(seed, level_size, 0, Purpose::sample).fill_normal(result);
  for (int k = 0; k < count; ++k) {
    double squares = 0;
    for (int i = 0; i < dims; ++i) {
      const double v = result[static_cast<std::size_t>(i) * count + k];
      squares += v * v;
    }
    for (int i = 0; i < dims; ++i)
      result[static_cast<std::size_t>(i) * count + k] /= static_cast<float>(std::sqrt(squares));
  }
  return result;
}
}  // namespace sliced

Result<SlicedSet> SlicedSet::make(std::span<const Image> images, const SlicedOptions& options) {
  if (auto checked = quality::check_same(images, 1); !checked) return fail(checked.error());
  const int size = images.front().width, channels = images.front().channels;
  if (size != images.front().height || size < kSmallest || !std::has_single_bit(static_cast<unsigned>(size)))
    return fail(bad("the sliced Wasserstein distance needs square images",
                    fmt::format("{}x{}", size, images.front().height), "powers of two from 4x4"));
  if (options.patches < 1 || options.directions < 1)
    return fail(bad("too few patches or directions",
                    fmt::format("{}, {}", options.patches, options.directions), "1 …"));
  SlicedSet set;
  set.shape_ = {size, channels, static_cast<int>(images.size()), options.patches, options.directions};
  set.seed_ = options.seed;
  const auto sizes = sliced_levels(size);
  std::vector<std::vector<std::vector<Plane>>> pyramids(images.size());
  quality::parallel_each(options.threads, images.size(), [&](std::size_t i) {
    for (auto& plane : quality::planes_of(images[i]))
      pyramids[i].push_back(laplacian(std::move(plane), sizes.size()));
  });
  for (std::size_t level = 0; level < sizes.size(); ++level) {
    const auto descriptors = describe(pyramids, level, options);
    const auto directions = sliced::directions(static_cast<int>(descriptors.dims), options.directions,
                                               sizes[level], options.seed);
    set.levels_.push_back(project(descriptors, directions, options.directions, options.threads));
  }
  return set;
}

Result<std::vector<double>> SlicedSet::distances(const SlicedSet& a, const SlicedSet& b) {
  if (a.shape_ != b.shape_ || a.seed_ != b.seed_)
    return fail(bad("sets of different shape or seed cannot be compared",
                    fmt::format("[{}] seed {}", fmt::join(a.shape_, ", "), a.seed_),
                    fmt::format("[{}] seed {} (size, channels, images, patches, directions)",
                                fmt::join(b.shape_, ", "), b.seed_)));
  std::vector<double> result;
  for (std::size_t level = 0; level < a.levels_.size(); ++level) {
    double sum = 0;
    const auto &x = a.levels_[level], &y = b.levels_[level];
    for (std::size_t i = 0; i < x.size(); ++i) sum += std::abs(static_cast<double>(x[i]) - y[i]);
    result.push_back(1000 * sum / static_cast<double>(x.size()));
  }
  return result;
}

Result<double> SlicedSet::distance(const SlicedSet& a, const SlicedSet& b) {
  const auto levels = distances(a, b);
  if (!levels) return fail(levels.error());
  double sum = 0;
  for (const double d : *levels) sum += d;
  return sum / static_cast<double>(levels->size());
}

}  // namespace troupe
