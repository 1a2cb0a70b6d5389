#include "train/quality.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "tests/train/quality_images.hpp"

namespace troupe {
namespace {
using test::blobs;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr SlicedOptions kQuick{32, 64, 5, 2};

double swd(const std::vector<Image>& a, const std::vector<Image>& b, const SlicedOptions& options = kQuick) {
  const auto x = SlicedSet::make(a, options), y = SlicedSet::make(b, options);
  return x && y ? SlicedSet::distance(*x, *y).value_or(-1) : -1;
}

std::vector<Image> noisy(std::vector<Image> images, float amount) {
  Draw draw(9, 0, 0, Purpose::test);
  for (auto& image : images)
    for (float& v : image.pixels) v += amount * draw.normal();
  return images;
}

/// Box blur, `times` over.
std::vector<Image> blurred(std::vector<Image> images, int times) {
  for (int t = 0; t < times; ++t)
    for (auto& image : images) {
      const Image before = image;
      for (int y = 1; y + 1 < image.height; ++y)
        for (int x = 1; x + 1 < image.width; ++x) {
          float sum = 0;
          for (int dy = -1; dy <= 1; ++dy)
            for (int dx = -1; dx <= 1; ++dx) sum += before.pixels[(y + dy) * image.width + x + dx];
          image.pixels[y * image.width + x] = sum / 9;
        }
    }
  return images;
}

TEST(SlicedWasserstein, levels_and_patches_follow_the_size) {
  EXPECT_THAT(sliced_levels(128), ElementsAre(128, 64, 32, 16));
  EXPECT_THAT(sliced_levels(16), ElementsAre(16));
  EXPECT_THAT(sliced_levels(8), ElementsAre(8));
  EXPECT_THAT(sliced_levels(4), ElementsAre(4));
  EXPECT_EQ(patch_side(64), 7);
  EXPECT_EQ(patch_side(16), 7);
  EXPECT_EQ(patch_side(8), 5);
  EXPECT_EQ(patch_side(4), 3);
}

TEST(SlicedWasserstein, patches_lie_inside_and_reach_every_corner) {
  for (const int size : {4, 8, 16, 64}) {
    std::set<int> seen;
    for (int image = 0; image < 50; ++image)
      for (const auto& [x, y] : sliced::corners(size, image, 128, 1)) {
        ASSERT_GE(std::min(x, y), 0);
        ASSERT_LE(std::max(x, y) + patch_side(size), size);
        seen.insert(x), seen.insert(y);
      }
    EXPECT_EQ(static_cast<int>(seen.size()), size - patch_side(size) + 1);
  }
}

TEST(SlicedWasserstein, directions_are_unit_vectors) {
  const int dims = 49, count = 100;
  const auto directions = sliced::directions(dims, count, 16, 1);
  double mean = 0;
  for (int k = 0; k < count; ++k) {
    double squares = 0;
    for (int i = 0; i < dims; ++i)
      squares += std::pow(directions[i * count + k], 2), mean += directions[i * count + k];
    EXPECT_NEAR(squares, 1, 1e-5);
  }
  EXPECT_NEAR(mean / (dims * count), 0, 0.01);
}

TEST(SlicedWasserstein, is_zero_for_equal_sets_symmetric_and_positive_else) {
  for (const int size : {4, 8, 16, 32}) {
    const auto a = blobs(12, size, 1, 1), b = blobs(12, size, 1, 2);
    EXPECT_EQ(swd(a, a), 0) << size;
    EXPECT_EQ(swd(a, b), swd(b, a)) << size;
    EXPECT_GT(swd(a, b), 0) << size;
  }
}

TEST(SlicedWasserstein, grows_with_noise_and_with_blur) {
  const auto real = blobs(24, 32, 1, 1), other = blobs(24, 32, 1, 2);
  const double floor = swd(real, other);
  EXPECT_GT(swd(real, noisy(other, 0.05f)), floor);
  EXPECT_GT(swd(real, noisy(other, 0.2f)), swd(real, noisy(other, 0.05f)));
  EXPECT_GT(swd(real, blurred(other, 1)), floor);
  EXPECT_GT(swd(real, blurred(other, 6)), swd(real, blurred(other, 1)));
}

TEST(SlicedWasserstein, does_not_see_brightness_and_contrast) {
  const auto a = blobs(8, 16, 1, 1);
  auto brighter = a;
  for (auto& image : brighter)
    for (float& v : image.pixels) v = 0.5f * v + 0.25f;
  EXPECT_LT(swd(a, brighter), 0.01 * swd(a, blobs(8, 16, 1, 2)));
}

TEST(SlicedWasserstein, is_the_same_for_any_number_of_threads_and_differs_by_seed) {
  const auto a = blobs(10, 32, 3, 1), b = blobs(10, 32, 3, 2);
  SlicedOptions options{32, 130, 5, 1};
  const double one = swd(a, b, options);
  for (const int threads : {2, 3, 7}) {
    options.threads = threads;
    EXPECT_EQ(swd(a, b, options), one) << threads;
  }
  options.seed = 6;
  EXPECT_NE(swd(a, b, options), one);
}

TEST(SlicedWasserstein, of_one_dimension_is_the_difference_of_sorted_values) {
  // one patch of the whole 4x4 image would need a 4x4 window; two flat-but-one images do: a 3x3 patch with
  // one high pixel projects to that pixel's direction, the other to its own, so the figure is known from the
  // directions alone
  Image first{4, 4, 1, std::vector<float>(16, 0)}, second = first;
  const SlicedOptions options{1, 16, 2, 1};
  const auto [x, y] = sliced::corners(4, 0, 1, options.seed).front();
  first.pixels[y * 4 + x] = 1;             // element 0 of the patch
  second.pixels[(y + 2) * 4 + x + 2] = 1;  // element 8
  const auto directions = sliced::directions(9, 16, 4, options.seed);
  // normalised: mean 1/9, deviation sqrt(8)/9, so the difference of the two patches is 9/sqrt(8) at both
  // places
  double expected = 0;
  for (int k = 0; k < 16; ++k)
    expected += std::abs(directions[k] - directions[8 * 16 + k]) * 9 / std::sqrt(8.0);
  EXPECT_NEAR(swd({first}, {second}, options), 1000 * expected / 16, 1e-2);
}

TEST(SlicedWasserstein, survives_flat_images) {
  const std::vector<Image> flat(4, Image{16, 16, 1, std::vector<float>(256, 0.5f)});
  const double d = swd(flat, blobs(4, 16, 1, 1));
  EXPECT_TRUE(std::isfinite(d));
  EXPECT_GT(d, 0);
}

TEST(SlicedWasserstein, refuses_what_cannot_be_compared) {
  const auto says = [](const std::vector<Image>& images, const SlicedOptions& options = kQuick) {
    const auto made = SlicedSet::make(images, options);
    return made ? std::string() : made.error().text();
  };
  EXPECT_THAT(says({}), HasSubstr("too few images"));
  EXPECT_THAT(says({Image{12, 12, 1, std::vector<float>(144)}}), HasSubstr("given 12x12"));
  EXPECT_THAT(says({Image{2, 2, 1, std::vector<float>(4)}}), HasSubstr("given 2x2"));
  EXPECT_THAT(says({Image{16, 8, 1, std::vector<float>(128)}}), HasSubstr("given 16x8"));
  EXPECT_THAT(says({Image{8, 8, 1, std::vector<float>(63)}}), HasSubstr("63 values"));
  EXPECT_THAT(says({Image{-8, -8, 1, std::vector<float>(64)}}), HasSubstr("do not fit"));
  EXPECT_THAT(says({blobs(1, 8, 1, 1)[0], blobs(1, 16, 1, 1)[0]}), HasSubstr("given 16x16x1; allowed 8x8x1"));
  EXPECT_THAT(says(blobs(1, 8, 1, 1), {0, 1, 1, 1}), HasSubstr("too few patches"));
  const auto a = SlicedSet::make(blobs(3, 8, 1, 1), kQuick), b = SlicedSet::make(blobs(4, 8, 1, 1), kQuick);
  ASSERT_TRUE(a && b);
  const auto compared = SlicedSet::distance(*a, *b);
  ASSERT_FALSE(compared);
  EXPECT_THAT(compared.error().text(), HasSubstr("[8, 1, 3, 32, 64]"));
}

TEST(MsSsim, is_one_for_equal_images_symmetric_and_falls_with_noise) {
  for (const int size : {4, 8, 16, 32, 64}) {
    const auto a = blobs(2, size, 1, 1);
    EXPECT_NEAR(*ms_ssim(a[0], a[0]), 1, 1e-12) << size;
    EXPECT_EQ(*ms_ssim(a[0], a[1]), *ms_ssim(a[1], a[0])) << size;
    EXPECT_LT(*ms_ssim(a[0], a[1]), 0.99) << size;
    const auto little = *ms_ssim(a[0], noisy(a, 0.02f)[0]), much = *ms_ssim(a[0], noisy(a, 0.3f)[0]);
    EXPECT_LT(little, 1) << size;
    EXPECT_LT(much, little) << size;
  }
}

TEST(MsSsim, of_flat_images_is_the_luminance_term_alone) {
  const Image dark{4, 4, 1, std::vector<float>(16, 0.2f)}, bright{4, 4, 1, std::vector<float>(16, 0.6f)};
  EXPECT_NEAR(*ms_ssim(dark, bright), (2 * 0.2 * 0.6 + 1e-4) / (0.04 + 0.36 + 1e-4), 1e-6);
}

TEST(MsSsim, of_opposites_is_zero_not_complex) {
  Image a{32, 32, 1, {}}, b = a;
  for (int i = 0; i < 1024; ++i)
    a.pixels.push_back((i / 2 + i / 64) % 2), b.pixels.push_back(1 - a.pixels.back());
  EXPECT_EQ(*ms_ssim(a, b), 0);
}

TEST(MsSsim, of_a_set_is_one_when_all_are_the_same_and_lower_the_more_they_differ) {
  const auto varied = blobs(20, 32, 1, 1);
  const std::vector<Image> same(20, varied[0]);
  auto half = varied;
  std::fill(half.begin(), half.begin() + 10, varied[0]);
  EXPECT_NEAR(*mean_ms_ssim(same, 50, 1, 2), 1, 1e-12);
  EXPECT_LT(*mean_ms_ssim(varied, 200, 1, 2), *mean_ms_ssim(half, 200, 1, 2));
  EXPECT_EQ(*mean_ms_ssim(varied, 50, 1, 1), *mean_ms_ssim(varied, 50, 1, 3));
}

TEST(MsSsim, refuses_what_cannot_be_compared) {
  EXPECT_THAT(ms_ssim(blobs(1, 8, 1, 1)[0], blobs(1, 16, 1, 1)[0]).error().text(),
              HasSubstr("different sizes"));
  EXPECT_THAT(mean_ms_ssim(blobs(1, 8, 1, 1), 5, 1, 1).error().text(), HasSubstr("2 or more"));
}

}  // namespace
}  // namespace troupe
