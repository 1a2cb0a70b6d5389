#pragma once
// manifest.json of a checkpoint: what the folder must hold to count as whole. Private to train/.
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/error.hpp"
#include "train/checkpoint.hpp"

namespace troupe {
/// JSON that carries a checksum over itself. 64-bit sums are written as 16 hexadecimal digits.
std::string manifest_text(const Manifest& manifest);
/// Errors: bad_data with the field that is missing, wrong or altered.
Result<Manifest> parse_manifest(const std::string& text, const std::filesystem::path& where);
/// Reads FOLDER/manifest.json and checks that it is the manifest of `step`.
Result<Manifest> read_manifest(const std::filesystem::path& folder, std::int64_t step);

/// Size and checksum of a file as it is now, read in blocks.
Result<CheckpointFile> sum_file(const std::filesystem::path& folder, const std::string& name);
/// Every file of the manifest is there with its size and, where `contents`, its checksum.
Result<void> verify_files(const std::filesystem::path& folder, const Manifest& manifest, bool contents);
/// A file name without any path in it.
bool is_plain_name(const std::string& name);

inline constexpr const char* kManifestName = "manifest.json";
}  // namespace troupe
