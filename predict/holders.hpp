#pragma once
// Who holds the most, of all that come before a job: told to those that wait.
#include <algorithm>
#include <cstddef>
#include <iterator>
#include <span>
#include <vector>

#include "predict/placement.hpp"

namespace troupe::planning {

class Holders {
 public:
  Holders() = default;
  /// All that have been given something stand in this part of the line.
  explicit Holders(std::span<Work* const> line) {
    std::vector<const Work*> most;
    spans_.push_back({0, most});
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (!remember(most, *line[i])) continue;
      spans_.push_back({i + 1, most});
    }
  }
  /// Of those before a place, most cores first; of equal ones in line.
  const std::vector<const Work*>& before(std::size_t place) const {
    const auto after = std::upper_bound(spans_.begin(), spans_.end(), place,
                                        [](std::size_t at, const Span& span) { return at < span.from; });
    return std::prev(after)->most;
  }

 private:
  static constexpr std::size_t kTold = 3;
  struct Span {
    std::size_t from = 0;
    std::vector<const Work*> most;
  };
  static bool remember(std::vector<const Work*>& most, const Work& work) {
    if (work.cores == 0 || (most.size() == kTold && work.cores <= most.back()->cores)) return false;
    const auto more = [](const Work* a, const Work* b) { return a->cores > b->cores; };
    most.insert(std::upper_bound(most.begin(), most.end(), &work, more), &work);
    if (most.size() > kTold) most.pop_back();
    return true;
  }

  std::vector<Span> spans_;
};

}  // namespace troupe::planning
