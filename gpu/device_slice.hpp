#pragma once
// A share of a device that is no CPU, as actors know it: neither CUDA nor LibTorch. main() hands down who
// makes one.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/units.hpp"
#include "gpu/account.hpp"
#include "gpu/collective.hpp"
#include "gpu/device_sample.hpp"

namespace troupe {

using PrepareShare = std::function<Result<void>(const std::vector<int>& pieces)>;

/// Made, used and destroyed by one thread, the slice actor's, which waits for the device where it must.
class DeviceSlice {
 public:
  virtual ~DeviceSlice() = default;
  /// Between two steps: from here on it computes on these pieces, and holds no more than the budget. No
  /// pieces: its job is parked, what was kept for reuse goes back. A failure leaves what was in force.
  /// Errors: the driver's; no_capacity: pieces or memory that the device does not have.
  virtual Result<void> take(const std::vector<int>& pieces, Bytes budget) = 0;
  /// Makes what take() with these pieces would have to make, while the slice works on. Any thread, also when
  /// the slice is gone. What fails there, take() will tell; nothing: there is nothing to be made ahead.
  virtual PrepareShare preparer() { return {}; }
  /// A collective of one rank whose buffers are the device's memory. Goes before the slice.
  virtual Result<std::shared_ptr<Collective>> sums() = 0;
  /// SMs in force, as the driver told when they were taken.
  virtual unsigned sms() const = 0;
  /// Of the device, in steps that are over.
  virtual Result<double> busy_seconds() = 0;
};

struct DeviceSliceOrder {
  std::string job;
  std::shared_ptr<Account> account;  // its wall: all that it takes of the device is charged to it
  std::vector<int> pieces;           // at first, at least one
  Bytes budget;
};
using MakeDeviceSlice = std::function<Result<std::unique_ptr<DeviceSlice>>(const DeviceSliceOrder&)>;

/// A GPU that a node offers.
struct GpuDevice {
  std::string name;   // "gpu0"
  std::string model;  // "NVIDIA H100 80GB HBM3"
  unsigned sms = 0;
  unsigned sms_a_piece = 0;
  int pieces = 0;  // 0 … pieces-1 is what slices are made of
  Bytes memory;    // that slices' budgets may come to
  MakeDeviceSlice make;
  SampleDevice sample;  // none: it tells nothing of itself
};

}  // namespace troupe
