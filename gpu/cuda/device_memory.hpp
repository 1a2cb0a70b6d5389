#pragma once
// What the sums over devices need of one device beside NCCL: memory, the tree's kernel, and to know when it
// is done. driver_memory.cpp has a GPU's; tests have one of host memory (tests/gpu/fake_device.hpp).
#include <cstddef>
#include <cstdint>
#include <memory>

#include "gpu/cuda/driver.hpp"
#include "gpu/cuda/elements.hpp"

namespace troupe::cuda {

/// Everything happens in the order of one stream; calls come back at once. For one thread at a time, which
/// has entered the device (Driver::enter).
class DeviceMemory {
 public:
  virtual ~DeviceMemory() = default;
  virtual Stream stream() const noexcept = 0;

  /// no_capacity: past the pool's limit, or the device is full.
  virtual Result<void*> allocate(Bytes bytes) = 0;
  virtual void free(void* at) noexcept = 0;

  /// The leaves' sum times `scale` into `out`, which may be one of them.
  virtual Result<void> tree_sum(const TreeLeaves& leaves, float* out, std::size_t n, float scale) = 0;
  /// Between the device's memory and the host's, as Driver::copy.
  virtual Result<void> copy(void* to, const void* from, Bytes bytes) = 0;

  /// What is given to this stream from here on comes after all that `other` has been given.
  virtual Result<void> follow(Stream other) = 0;
  /// Remembers this point of the stream, in place of the last one.
  virtual Result<void> mark() = 0;
  /// Whether the device has come to it. An error is the device's own.
  virtual Result<bool> passed() = 0;
};

class Kernels;
/// A GPU's. `pool`, `stream`: the slice's, which outlive it.
Result<std::shared_ptr<DeviceMemory>> make_driver_memory(std::shared_ptr<Driver> driver,
                                                         std::shared_ptr<const Kernels> kernels, Pool pool,
                                                         Stream stream);

}  // namespace troupe::cuda
