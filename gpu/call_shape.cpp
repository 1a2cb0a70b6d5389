#include "gpu/call_shape.hpp"

#include <fmt/core.h>

namespace troupe {

std::string mismatch(std::span<const CallShape* const> calls) {
  const auto& zero = *calls[0];
  int next = 0;
  for (std::size_t r = 0; r < calls.size(); ++r) {
    const auto& s = *calls[r];
    if (std::strcmp(s.call, zero.call) != 0)
      return fmt::format("rank 0 calls {}, rank {} calls {}", zero.call, r, s.call);
    if (s.sums != zero.sums)
      return fmt::format("rank 0 makes {} sums, rank {} makes {}", zero.sums, r, s.sums);
    if (s.n != zero.n) return fmt::format("rank 0 sums {} elements, rank {} sums {}", zero.n, r, s.n);
    if (s.members != zero.members)
      return fmt::format("rank 0 counts {} members, rank {} counts {}", zero.members, r, s.members);
    if (s.scale != zero.scale || s.all != zero.all)
      return fmt::format("ranks 0 and {} differ in scale or in who gets the sum", r);
    if (s.held == 0) continue;
    if (s.first != next)
      return fmt::format("rank {} starts at member {}, but the ranks before it end at {}", r, s.first, next);
    next += s.held;
  }
  if (next != zero.members) return fmt::format("the ranks hold {} of {} members", next, zero.members);
  return {};
}

Error disagreement(std::string why, std::string where) {
  return {ErrorCode::internal,
          "the ranks of a collective disagree",
          std::move(where),
          std::move(why),
          "",
          "This is a defect of troupe or of a plugin: every rank makes the same calls"};
}

}  // namespace troupe
