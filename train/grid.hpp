#pragma once
#include <vector>

#include "data/image.hpp"

namespace troupe {
/// Rows of images (one size, values 0 … 1), each enlarged by one whole factor to a side of at least `cell`
/// pixels, with thin gaps. Colour where any image is; empty (0 x 0) without images. Rows may differ in
/// length.
Image image_grid(const std::vector<std::vector<Image>>& rows, int cell);
}  // namespace troupe
