#pragma once
// The runtime of a program that is made before its job has a slice.
#include <memory>

#include "gpu/device_slice.hpp"
#include "train/gan/device/runtime.hpp"

namespace troupe::gan {

/// A slice that programs of this folder can run on.
class RuntimeSlice : public DeviceSlice {
 public:
  /// Goes before the slice.
  virtual std::unique_ptr<DeviceRuntime> runtime(at::ScalarType compute) = 0;
};

/// Passes everything on to the runtime that it was opened with; throws `internal` while there is none.
class LateRuntime final : public DeviceRuntime {
 public:
  /// `compute`: DeviceOptions'.
  explicit LateRuntime(at::ScalarType compute) : compute_(compute) {}
  /// Throws bad_config where the slice is none that a program of this folder can run on.
  void open(DeviceSlice& slice);
  void close() { inner_.reset(); }
  bool ready() const override { return inner_ != nullptr; }

  const DeviceOptions& options() const override { return inner().options(); }
  at::Tensor buffer(std::int64_t n) override { return inner().buffer(n); }
  void run(const std::function<void()>& work) override { inner().run(work); }
  void run(const cuda::GraphKey& key, const std::function<void()>& work) override { inner().run(key, work); }
  void renew() override { inner().renew(); }
  void adam(const AdamStep& step, const at::Tensor& gradient, const DeviceSide& from, DeviceSide& to,
            std::int64_t first, std::int64_t n) override {
    inner().adam(step, gradient, from, to, first, n);
  }
  void to_host(float* out, const at::Tensor& from) override { inner().to_host(out, from); }
  void from_host(at::Tensor& out, const float* from) override { inner().from_host(out, from); }
  void step_begins() override { inner().step_begins(); }
  void step_ends() override { inner().step_ends(); }

 private:
  DeviceRuntime& inner() const;
  at::ScalarType compute_;
  std::unique_ptr<DeviceRuntime> inner_;
};

}  // namespace troupe::gan
