#pragma once
// What devices tell of themselves, asked for when Prometheus asks.
#include <prometheus/collectable.h>

#include <vector>

#include "gpu/device_sample.hpp"

namespace troupe {

/// Thread-safe, as prometheus-cpp wants it.
class DeviceMetrics final : public prometheus::Collectable {
 public:
  explicit DeviceMetrics(std::vector<WatchedDevice> devices) : devices_(std::move(devices)) {}
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const std::vector<WatchedDevice> devices_;
};

}  // namespace troupe
