#pragma once
// Times are doubles of seconds here; libraries want them as std::chrono counts them.
#include <algorithm>
#include <chrono>

namespace troupe {

inline std::chrono::microseconds microseconds(double seconds) {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::duration<double>(seconds));
}

/// What a condition can wait for: no more than three years.
inline std::chrono::duration<double> waitable(double seconds) {
  return std::chrono::duration<double>(std::min(seconds, 1e8));
}

}  // namespace troupe
