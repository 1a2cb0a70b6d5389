// Our figures against the same formulas in NumPy.
#include <gtest/gtest.h>

#include <map>

#include "tests/train/quality_images.hpp"
#include "tests/train/temporary.hpp"
#include "train/quality.hpp"
#include "train/safetensors.hpp"

namespace troupe {
namespace {

constexpr int kImages = 6, kPatches = 20, kDirections = 24;
constexpr std::int64_t kSeed = 3;

/// What the reference needs, by name.
struct Inputs {
  std::map<std::string, std::pair<std::vector<std::int64_t>, std::vector<float>>> tensors;

  void add_images(const std::string& name, const std::vector<Image>& images) {
    const auto& first = images.front();
    std::vector<float> planes;
    for (const auto& image : images)
      for (int c = 0; c < image.channels; ++c)
        for (std::size_t i = c; i < image.pixels.size(); i += image.channels)
          planes.push_back(image.pixels[i]);
    tensors[name] = {{static_cast<std::int64_t>(images.size()), first.channels, first.height, first.width},
                     planes};
  }
  void add_level(int size, int channels) {
    std::vector<float> corners;
    for (int image = 0; image < kImages; ++image)
      for (const auto& [x, y] : sliced::corners(size, image, kPatches, kSeed))
        corners.push_back(static_cast<float>(x)), corners.push_back(static_cast<float>(y));
    tensors["corners." + std::to_string(size)] = {{kImages, kPatches, 2}, corners};
    const int dims = channels * patch_side(size) * patch_side(size);
    tensors["directions." + std::to_string(size)] = {{dims, kDirections},
                                                     sliced::directions(dims, kDirections, size, kSeed)};
  }
  std::vector<double> reference(const std::filesystem::path& file) const {
    std::vector<TensorRef> refs;
    for (const auto& [name, tensor] : tensors) refs.push_back({name, tensor.first, tensor.second});
    EXPECT_TRUE(write_safetensors(file, refs, {}));
    std::istringstream lines(test::run_python(TROUPE_PYTHON, TROUPE_REFERENCE, {file}));
    std::vector<double> figures;
    for (double figure = 0; lines >> figure;) figures.push_back(figure);
    return figures;
  }
};

class Reference : public testing::TestWithParam<std::pair<int, int>> {};

TEST_P(Reference, in_numpy_gives_the_same_figures) {
  const auto [size, channels] = GetParam();
  const auto a = test::blobs(kImages, size, channels, 1), b = test::blobs(kImages, size, channels, 2);
  Inputs inputs;
  inputs.add_images("a", a), inputs.add_images("b", b);
  for (const int level : sliced_levels(size)) inputs.add_level(level, channels);
  const test::TempFolder folder;
  const auto expected = inputs.reference(folder.path() / "inputs.safetensors");

  const SlicedOptions options{kPatches, kDirections, kSeed, 2};
  const auto ours = SlicedSet::distances(*SlicedSet::make(a, options), *SlicedSet::make(b, options));
  ASSERT_TRUE(ours);
  ASSERT_EQ(expected.size(), ours->size() + kImages);
  for (std::size_t i = 0; i < ours->size(); ++i) {
    EXPECT_GT(expected[i], 1);
    EXPECT_NEAR((*ours)[i] / expected[i], 1, 1e-6) << "level " << i;
  }
  for (int i = 0; i < kImages; ++i)
    EXPECT_NEAR(*ms_ssim(a[i], b[i]), expected[ours->size() + i], 1e-6) << "pair " << i;
}

INSTANTIATE_TEST_SUITE_P(Sizes, Reference,
                         testing::Values(std::pair{4, 1}, std::pair{8, 1}, std::pair{16, 3}, std::pair{32, 1},
                                         std::pair{64, 1}, std::pair{64, 3}));

}  // namespace
}  // namespace troupe
