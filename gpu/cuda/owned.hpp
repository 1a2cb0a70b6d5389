#pragma once
// Owns one of the driver's objects.
#include <memory>
#include <utility>

#include "gpu/cuda/driver.hpp"

namespace troupe::cuda {

/// Destroys its object when it goes; a failure of that is nobody's to mend and is dropped.
template <class T>
class Owned {
 public:
  Owned() = default;
  Owned(std::shared_ptr<Driver> driver, T object) : driver_(std::move(driver)), object_(object) {}
  Owned(Owned&& other) noexcept
      : driver_(std::move(other.driver_)), object_(std::exchange(other.object_, T{})) {}
  Owned& operator=(Owned&& other) noexcept {
    if (this == &other) return *this;
    reset();
    driver_ = std::move(other.driver_);
    object_ = std::exchange(other.object_, T{});
    return *this;
  }
  ~Owned() { reset(); }
  T get() const noexcept { return object_; }
  explicit operator bool() const noexcept { return static_cast<bool>(object_); }
  void reset() noexcept {
    if (object_ && driver_) (void)driver_->destroy(object_);
    object_ = {};
  }

 private:
  std::shared_ptr<Driver> driver_;
  T object_{};
};

}  // namespace troupe::cuda
