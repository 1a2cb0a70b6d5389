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
/// Channels that read_png would give (1 grey, 3 colour), from the first bytes of the file alone.
Result<int> png_channels(const std::filesystem::path& file);
/// 8 bit; values outside 0 … 1 are clipped. Written whole or not at all.
Result<void> write_png(const std::filesystem::path& file, const Image& image);
/// Throws ErrorException (internal) for an image whose sides, channels (1 or 3) and pixels do not fit
/// together.
std::vector<std::uint8_t> encode_png(const Image& image);
}  // namespace troupe
