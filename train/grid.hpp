#pragma once
#include <vector>

#include "data/image.hpp"

namespace troupe {
/// Rows of images of one size, enlarged by whole factors to at least `cell` pixels, with thin gaps.
Image image_grid(const std::vector<std::vector<Image>>& rows, int cell);
}  // namespace troupe
