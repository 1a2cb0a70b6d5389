#pragma once
// Files that are whole or absent.
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace troupe {
Result<std::string> read_file(const std::filesystem::path& path);
/// Writes beside `path`, syncs, renames, syncs the folder. On failure nothing of it stays behind.
Result<void> write_file(const std::filesystem::path& path, std::string_view bytes);
/// Creates the folder and proves that it can be written to.
Result<void> make_writable_folder(const std::filesystem::path& path);
/// fsync of a folder, so that renames in it last.
Result<void> sync_folder(const std::filesystem::path& path);
/// An Error of code io from errno.
Error io_error(std::string what, const std::filesystem::path& path, int error_number);
}  // namespace troupe
