#pragma once
// Times are doubles of seconds here; libraries want them as std::chrono counts them.
#include <chrono>

namespace troupe {

inline std::chrono::microseconds microseconds(double seconds) {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::duration<double>(seconds));
}

}  // namespace troupe
