#pragma once
// Bytes as text, two digits each, and such text at random.
#include <cstddef>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace troupe {

std::string hex(const unsigned char* bytes, std::size_t count);
/// Empty where it is none.
std::vector<unsigned char> from_hex(const std::string& text);
/// Of as many bytes that nobody can guess.
Result<std::string> random_hex(std::size_t bytes);

}  // namespace troupe
