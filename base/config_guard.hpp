#pragma once
// Looks over the text of a configuration before the TOML library does, which recurses once a level of
// nesting.
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace troupe::schema {
inline constexpr std::size_t kMaxConfigBytes = std::size_t{1}
                                               << 20;  // a thousand jobs with every key written out
inline constexpr int kMaxNesting = 16;                 // real files need three
/// Refuses texts that are too long, hold NUL bytes, or nest brackets or dotted keys too deep. `file` is
/// where.
std::optional<Error> guard_text(std::string_view text, const std::string& file);
}  // namespace troupe::schema
