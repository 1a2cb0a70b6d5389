#pragma once
// PNG images, 8 and 16 bit, grey and colour (palettes and alpha are resolved); libpng behind a wall.
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "data/image.hpp"

namespace troupe {
Result<Image> read_png(const std::filesystem::path& file);
Result<Image> parse_png(std::span<const std::uint8_t> bytes, const std::string& name);
/// 8 bit; values outside 0 … 1 are clipped. Written whole or not at all.
Result<void> write_png(const std::filesystem::path& file, const Image& image);
std::vector<std::uint8_t> encode_png(const Image& image);
}  // namespace troupe
