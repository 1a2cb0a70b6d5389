#pragma once
// What the ranks of a collective must agree on before they touch each other's memory.
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "gpu/collective.hpp"

namespace troupe {

/// One rank's side of one call; of several sums that are made together, of each.
struct CallShape {
  const char* call = "";  // a literal: "sum of float" …
  int members = 0, first = 0, held = 0;
  std::size_t n = 0;
  std::uint64_t scale = 0;  // its bits
  bool all = false;
  std::size_t sums = 0;  // that are made together
};

template <class T>
CallShape shape_of(const char* call, const Contribution<T>& mine, std::size_t n, T scale, bool all) {
  CallShape shape{call, mine.members, mine.first, static_cast<int>(mine.buffers.size()), n, 0, all, 0};
  std::memcpy(&shape.scale, &scale, sizeof scale);
  return shape;
}

/// Why the ranks' calls, in the order of the ranks, don't fit together; empty: they do. The same on every
/// rank.
std::string mismatch(std::span<const CallShape* const> calls);
/// What a group fails with then.
Error disagreement(std::string why, std::string where);

}  // namespace troupe
