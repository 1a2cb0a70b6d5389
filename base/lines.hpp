#pragma once
// Files of lines, read without holding them.
#include <filesystem>
#include <functional>
#include <string_view>

#include "base/error.hpp"

namespace troupe {
/// Hands over each line, without its end, in the file's order, holding one at a time. A last line without an
/// end (a crash cut it) is passed over. What `take` fails with ends it. Errors: not_found, io, and take's.
Result<void> each_line(const std::filesystem::path& file,
                       const std::function<Result<void>(std::string_view line)>& take);
}  // namespace troupe
