#pragma once
// What a device that is no CPU tells of itself at the moment, as metrics want it: in base units.
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"

namespace troupe {

/// What it does not tell is empty.
struct DeviceSample {
  std::optional<double> watts, watts_most;
  std::optional<double> celsius;
  std::optional<double> sm_hertz, memory_hertz;
  std::optional<double> busy_ratio, memory_busy_ratio;  // over the last second or less
  std::optional<Bytes> memory_used;                     // by everybody
  std::vector<std::string> throttled_by;                // in words
};
/// Any thread; takes milliseconds.
using SampleDevice = std::function<DeviceSample()>;

/// A device by the name that slices have as their node: "local:gpu0".
struct WatchedDevice {
  std::string name, model;
  SampleDevice sample;
};

}  // namespace troupe
