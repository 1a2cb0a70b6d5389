#pragma once
// How good sampled images are, in figures: sliced Wasserstein distance between sets (Karras et al. 2018,
// "Progressive Growing of GANs", section 5) and MS-SSIM between pairs of one set (Wang et al. 2003) as a
// measure of sameness. Pure functions of images and seed, whatever the number of threads. Needs no LibTorch.
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "data/image.hpp"

namespace troupe {

struct SlicedOptions {
  int patches = 128;     // drawn from each image at each level, at the same places in every set
  int directions = 512;  // random unit vectors projected upon
  std::int64_t seed = 1;
  int threads = 1;
};

/// Sides of the Laplacian pyramid's levels, finest first: size, size/2 … 16. Below 16 there is one level, the
/// image.
std::vector<int> sliced_levels(int size);
/// Side of the patches at a level: 7 from 16x16 on; 5 at 8x8 and 3 at 4x4, where 7x7 would leave next to no
/// choice.
int patch_side(int level_size);

/// A set of images, ready to be compared: for each level its patches, normalised per channel over the set
/// (mean 0, deviation 1) and projected upon each direction, in ascending order. Takes 4 * images * patches *
/// directions bytes a level; made once for a reference that is compared often.
class SlicedSet {
 public:
  /// Images: one square size (a power of two from 4), one channel count. Errors: bad_data.
  static Result<SlicedSet> make(std::span<const Image> images, const SlicedOptions& options = {});

  /// Mean absolute difference of the sorted projections, times 1000: one figure a level, finest first.
  /// Both sets must hold as many images of one size, made with the same options. Errors: bad_data.
  static Result<std::vector<double>> distances(const SlicedSet& a, const SlicedSet& b);
  /// The mean over the levels.
  static Result<double> distance(const SlicedSet& a, const SlicedSet& b);

 private:
  std::vector<int> shape_;  // size, channels, images, patches, directions
  std::int64_t seed_ = 0;
  std::vector<std::vector<float>> levels_;  // [directions][images * patches], each row ascending
};

/// MS-SSIM of two images (values 0 … 1), the mean over channels: 11x11 Gaussian window of deviation 1.5, K1 =
/// 0.01, K2 = 0.03, scales halved by 2x2 means. As many of the paper's five scales are used as keep a side of
/// at least 11 (64: 3, 32: 2, 16: 1), with the paper's weights rescaled to sum 1; images under 11 have one
/// scale and a window of their own size, narrowed in proportion. Contrast terms below 0 count as 0. Errors:
/// bad_data (sizes differ).
Result<double> ms_ssim(const Image& a, const Image& b);

/// Mean MS-SSIM over `pairs` pairs of different images of the set: 1 where all are the same image; the lower,
/// the more diverse. Errors: bad_data (fewer than 2 images).
Result<double> mean_ms_ssim(std::span<const Image> images, int pairs, std::int64_t seed, int threads);

/// What is drawn, for those who check the figures elsewhere.
namespace sliced {
/// Upper left corners (x, y) of one image's patches at a level.
std::vector<std::pair<int, int>> corners(int level_size, int image, int patches, std::int64_t seed);
/// [dims][count], each column a unit vector.
std::vector<float> directions(int dims, int count, int level_size, std::int64_t seed);
}  // namespace sliced

}  // namespace troupe
