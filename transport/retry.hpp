#pragma once
// When a connection that did not come about is tried again. Pure.
#include <algorithm>

namespace troupe::plane {

struct Retry {
  double first = 0.05;          // seconds after the first try
  double failure_timeout = 30;  // seconds

  /// Seconds to wait after a try that failed, `last` after the one before it (0: it stood). A peer that
  /// somebody here wants something of is tried each second at least; else twice as long is waited each
  /// time, up to failure_timeout: a lost one may be lost for weeks. `least`: there is a reason not to be
  /// quicker.
  double wait(double last, bool wanted, double least = 0) const {
    if (wanted) return std::max(least, std::min({std::max(first, 2 * last), kWanted, failure_timeout / 4}));
    return std::max({least, first, std::min(2 * last, failure_timeout)});
  }

 private:
  static constexpr double kWanted = 1;
};

}  // namespace troupe::plane
