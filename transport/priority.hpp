#pragma once
// The classes of what crosses the data plane. A higher one overtakes a lower one between two pieces.
#include <cstddef>
#include <cstdint>

namespace troupe {

enum class Priority : std::uint8_t { control, gradients, state, samples };
constexpr std::size_t kPriorities = 4;

constexpr const char* to_string(Priority priority) noexcept {
  switch (priority) {
    case Priority::control:
      return "control";
    case Priority::gradients:
      return "gradients";
    case Priority::state:
      return "state";
    case Priority::samples:
      return "samples";
  }
  return "unknown";
}

}  // namespace troupe
