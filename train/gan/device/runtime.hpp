#pragma once
// What a program on a device asks of it: memory that stays, work that runs, the optimiser. On a GPU it is a
// slice; on the host it is there to hold the program against the CPU's own.
#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>

#include "gpu/cuda/graph_key.hpp"
#include "train/gan/device/weights.hpp"
#include "train/gan/kernels.hpp"

namespace troupe::gan {

/// Flat buffers of one network: Adam reads side A and writes side B. `average` may be undefined in both.
struct DeviceSide {
  at::Tensor parameters, moment, average;
};

/// For one thread. Everything happens in the order of the calls; nothing but to_host() waits for it. Throws
/// ErrorException; over_budget names who asked for what.
class DeviceRuntime {
 public:
  virtual ~DeviceRuntime() = default;
  /// Whether there is a device now. Without one all but this throws, and networks are worked on in their
  /// host's copies alone.
  virtual bool ready() const { return true; }
  virtual const DeviceOptions& options() const = 0;
  /// [n] float zeros, behind the slice's wall, at one address until let go of.
  virtual at::Tensor buffer(std::int64_t n) = 0;
  /// Runs `work` once.
  virtual void run(const std::function<void()>& work) = 0;
  /// The same; may replay what it recorded of an earlier call with this key (TorchHalf::run_as_graph).
  virtual void run(const cuda::GraphKey& key, const std::function<void()>& work) = 0;
  /// Nothing that was recorded will be asked for again.
  virtual void renew() = 0;
  /// The elements [first, first + n) of all.
  virtual void adam(const AdamStep& step, const at::Tensor& gradient, const DeviceSide& from, DeviceSide& to,
                    std::int64_t first, std::int64_t n) = 0;
  virtual void to_host(float* out, const at::Tensor& from) = 0;
  virtual void from_host(at::Tensor& out, const float* from) = 0;
  /// Around a step's work: what the device takes for it counts as busy. A step that failed is begun anew.
  virtual void step_begins() {}
  virtual void step_ends() {}
};

/// The calling thread, with CPU tensors.
std::unique_ptr<DeviceRuntime> make_host_runtime(DeviceOptions options);

}  // namespace troupe::gan
