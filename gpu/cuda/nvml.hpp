#pragma once
// What nvidia-smi knows of a device, asked of the same library. real_nvml.cpp finds it at run time; tests
// have a fake.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/units.hpp"
#include "gpu/device_sample.hpp"

namespace troupe::cuda {

/// Why a device's clocks are below what they could be, in words. A device at rest has no reason.
struct Throttling {
  std::vector<std::string> reasons;
  bool trouble = false;  // heat, or a supply that gives too little; else its own settings and limits
};
/// Of NVML's bits.
Throttling throttling(std::uint64_t bits);

/// What a device, or its driver, does not tell is empty.
struct DeviceHealth {
  std::optional<double> watts, watts_most;
  std::optional<unsigned> sm_mhz, memory_mhz;
  std::optional<unsigned> busy_percent, memory_busy_percent;  // over the last second or less
  std::optional<unsigned> celsius;
  std::optional<Bytes> memory_used;
  std::optional<Throttling> throttled;
};

/// In base units.
DeviceSample sample_of(const DeviceHealth& health);

/// Any thread. Errors: not_found (no such device), internal (the rest, with NVML's text).
class Nvml {
 public:
  virtual ~Nvml() = default;
  /// "580.159.04"
  virtual Result<std::string> driver() = 0;
  /// `bus`: as Driver::device tells it.
  virtual Result<DeviceHealth> health(const std::string& bus) = 0;
};

/// not_found, with what to do, where there is none or it does not start.
Result<std::shared_ptr<Nvml>> open_nvml(const std::string& library = "libnvidia-ml.so.1");

}  // namespace troupe::cuda
