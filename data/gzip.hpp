#pragma once
// Gzip in memory, by libdeflate. The input is hostile: its stated sizes are hints, the limit is a wall.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/units.hpp"

namespace troupe {
/// True where the bytes begin as a gzip member does.
bool is_gzip(std::span<const std::uint8_t> bytes);
/// All members, one after the other; zeros after the last are padding. bad_data: no gzip, cut short, a
/// checksum that does not match, rubbish between members, more than `limit` once unpacked.
Result<std::vector<std::uint8_t>> gunzip(std::span<const std::uint8_t> bytes, const std::string& name,
                                         Bytes limit);
/// One member, for tests and seeds.
std::vector<std::uint8_t> gzip(std::span<const std::uint8_t> bytes);
}  // namespace troupe
