#include "base/clock.hpp"

#include <chrono>

namespace troupe {
namespace {
template <class C>
double seconds_of() {
  return std::chrono::duration<double>(C::now().time_since_epoch()).count();
}
}  // namespace

double SystemClock::now() const { return seconds_of<std::chrono::steady_clock>(); }
double SystemClock::unix_time() const { return seconds_of<std::chrono::system_clock>(); }

}  // namespace troupe
