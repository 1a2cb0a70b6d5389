#pragma once
// What tells a process from the one that bore its name before it.
#include <cstdint>
#include <random>

namespace troupe {

/// Never 0, which stands for none.
inline std::uint64_t new_incarnation() {
  std::random_device random;
  std::uint64_t bits = 0;
  while (bits == 0) bits = (std::uint64_t{random()} << 32) | random();
  return bits;
}

}  // namespace troupe
