#pragma once
// The middle of measured values, which a few wild ones do not move.
#include <algorithm>
#include <cstddef>
#include <vector>

namespace troupe {

/// The upper of the two middle values where their number is even. At least one.
inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace troupe
