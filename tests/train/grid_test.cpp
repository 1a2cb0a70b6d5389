#include "train/grid.hpp"

#include <gtest/gtest.h>

namespace troupe {
namespace {

Image flat(int side, int channels, float value) {
  return {side, side, channels, std::vector<float>(static_cast<std::size_t>(side) * side * channels, value)};
}
float pixel(const Image& image, int x, int y, int c = 0) {
  return image.pixels[(static_cast<std::size_t>(y) * image.width + x) * image.channels + c];
}

TEST(Grid, enlarges_by_a_whole_factor_and_puts_rows_under_each_other) {
  Image ramp{2, 2, 1, {0.0f, 0.25f, 0.5f, 1.0f}};
  const auto grid = image_grid({{flat(2, 1, 1), ramp}, {flat(2, 1, 0)}}, 5);
  // cells of 6 (the least multiple of 2 from 5), gaps of 2
  EXPECT_EQ(grid.width, 2 + 2 * 8);
  EXPECT_EQ(grid.height, 2 + 2 * 8);
  EXPECT_EQ(grid.pixels.size(), static_cast<std::size_t>(grid.width) * grid.height);
  EXPECT_EQ(pixel(grid, 2, 2), 1.0f);
  EXPECT_EQ(pixel(grid, 7, 7), 1.0f);
  EXPECT_NE(pixel(grid, 8, 7), 1.0f) << "the gap is no image";
  EXPECT_EQ(pixel(grid, 10, 2), 0.0f);
  EXPECT_EQ(pixel(grid, 13, 4), 0.25f);
  EXPECT_EQ(pixel(grid, 12, 5), 0.5f);
  EXPECT_EQ(pixel(grid, 15, 7), 1.0f);
  EXPECT_EQ(pixel(grid, 2, 10), 0.0f);
  EXPECT_EQ(pixel(grid, 10, 10), pixel(grid, 0, 0)) << "a missing cell is background";
}

TEST(Grid, is_in_colour_where_any_image_is) {
  Image red = flat(4, 3, 0);
  for (std::size_t i = 0; i < red.pixels.size(); i += 3) red.pixels[i] = 1;
  const auto grid = image_grid({{red, flat(4, 1, 0.5f)}}, 4);
  EXPECT_EQ(grid.channels, 3);
  EXPECT_EQ(pixel(grid, 3, 3, 0), 1.0f);
  EXPECT_EQ(pixel(grid, 3, 3, 1), 0.0f);
  for (int c = 0; c < 3; ++c) EXPECT_EQ(pixel(grid, 9, 3, c), 0.5f);
}

TEST(Grid, clips_values_and_survives_emptiness) {
  const auto grid = image_grid({{flat(2, 1, 7), flat(2, 1, -7)}}, 2);
  EXPECT_EQ(pixel(grid, 2, 2), 1.0f);
  EXPECT_EQ(pixel(grid, 6, 2), 0.0f);
  EXPECT_EQ(image_grid({}, 8).width, 0);
  EXPECT_EQ(image_grid({{}, {}}, 8).width, 0);
}

}  // namespace
}  // namespace troupe
