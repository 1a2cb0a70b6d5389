#pragma once
// Time is passed in: tests and the simulator drive it.
#include <string>

namespace troupe {
class Clock {
 public:
  virtual ~Clock() = default;
  virtual double now() const = 0;        // monotonic seconds
  virtual double unix_time() const = 0;  // seconds since 1970
};
class SystemClock final : public Clock {
 public:
  double now() const override;
  double unix_time() const override;
};
class ManualClock final : public Clock {
 public:
  double now() const override { return now_; }
  double unix_time() const override { return now_; }
  void advance(double seconds) { now_ += seconds; }

 private:
  double now_ = 0;
};
}  // namespace troupe
