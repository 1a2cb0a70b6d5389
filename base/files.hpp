#pragma once
// Files that are whole or absent.
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace troupe {
/// not_found if there is no such file; io for folders, and for files of more than `max_bytes`.
Result<std::string> read_file(const std::filesystem::path& path,
                              std::int64_t max_bytes = std::numeric_limits<std::int64_t>::max());
/// Writes beside `path`, syncs, renames, syncs the folder. On failure nothing of it stays behind. `mode` is
/// the file's from its first byte on, less the umask.
Result<void> write_file(const std::filesystem::path& path, std::string_view bytes, mode_t mode = 0666);
/// Creates the folder and proves that it can be written to.
Result<void> make_writable_folder(const std::filesystem::path& path);
/// fsync of a folder, so that renames in it last.
Result<void> sync_folder(const std::filesystem::path& path);
/// An Error of code io from errno.
Error io_error(std::string what, const std::filesystem::path& path, int error_number);
}  // namespace troupe
