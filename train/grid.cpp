#include "train/grid.hpp"

#include <algorithm>

namespace troupe {
namespace {
constexpr int kGap = 2;               // pixels between cells and around
constexpr float kBackground = 0.15f;  // dark grey: neither an image's black nor its white

struct Layout {
  int side = 0;  // of a cell, after enlargement
  int channels = 1;
  std::size_t columns = 0;
};

Layout measure(const std::vector<std::vector<Image>>& rows, int cell) {
  Layout layout;
  int largest = 1;
  for (const auto& row : rows) {
    layout.columns = std::max(layout.columns, row.size());
    for (const auto& image : row) {
      largest = std::max({largest, image.width, image.height});
      layout.channels = std::max(layout.channels, image.channels);
    }
  }
  layout.side = largest * std::max(1, (cell + largest - 1) / largest);
  return layout;
}

void paste(const Image& image, Image& out, int left, int top, int side) {
  const int factor = std::max(1, side / std::max({1, image.width, image.height}));
  for (int y = 0; y < image.height * factor; ++y)
    for (int x = 0; x < image.width * factor; ++x)
      for (int c = 0; c < out.channels; ++c) {
        const auto from = (static_cast<std::size_t>(y / factor) * image.width + x / factor) * image.channels;
        const auto to = (static_cast<std::size_t>(top + y) * out.width + left + x) * out.channels;
        out.pixels[to + c] = std::clamp(image.pixels[from + std::min(c, image.channels - 1)], 0.0f, 1.0f);
      }
}
}  // namespace

Image image_grid(const std::vector<std::vector<Image>>& rows, int cell) {
  const auto layout = measure(rows, cell);
  if (layout.columns == 0) return {};
  const int pitch = layout.side + kGap;
  Image out{kGap + static_cast<int>(layout.columns) * pitch,
            kGap + static_cast<int>(rows.size()) * pitch,
            layout.channels,
            {}};
  out.pixels.assign(static_cast<std::size_t>(out.width) * out.height * out.channels, kBackground);
  for (std::size_t r = 0; r < rows.size(); ++r)
    for (std::size_t c = 0; c < rows[r].size(); ++c)
      paste(rows[r][c], out, kGap + static_cast<int>(c) * pitch, kGap + static_cast<int>(r) * pitch,
            layout.side);
  return out;
}

}  // namespace troupe
