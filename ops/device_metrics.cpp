#include "ops/device_metrics.hpp"

#include <prometheus/metric_family.h>

#include <functional>
#include <utility>

namespace troupe {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using Value = std::function<std::optional<double>(const DeviceSample&)>;

struct Gauge {
  const char *name, *help;
  Value value;
};

Value of(std::optional<double> DeviceSample::*field) {
  return [field](const DeviceSample& s) { return s.*field; };
}

std::vector<Gauge> gauges() {
  return {
      {"troupe_gpu_power_watts", "Power that a GPU draws.", of(&DeviceSample::watts)},
      {"troupe_gpu_power_limit_watts", "The most that it may draw.", of(&DeviceSample::watts_most)},
      {"troupe_gpu_temperature_celsius", "Temperature of a GPU.", of(&DeviceSample::celsius)},
      {"troupe_gpu_sm_clock_hertz", "Clock of a GPU's SMs.", of(&DeviceSample::sm_hertz)},
      {"troupe_gpu_memory_clock_hertz", "Clock of a GPU's memory.", of(&DeviceSample::memory_hertz)},
      {"troupe_gpu_busy_ratio", "Share of the last second in which a GPU computed.",
       of(&DeviceSample::busy_ratio)},
      {"troupe_gpu_memory_busy_ratio",
       "Share of the last second in which a GPU's memory was read or written.",
       of(&DeviceSample::memory_busy_ratio)},
      {"troupe_gpu_memory_used_bytes", "Memory of a GPU in use, by whomever.",
       [](const DeviceSample& s) {
         return s.memory_used ? std::optional(static_cast<double>(s.memory_used->count)) : std::nullopt;
       }},
  };
}

ClientMetric metric(const WatchedDevice& device, double value) {
  ClientMetric m;
  m.label = {{"gpu", device.name}, {"model", device.model}};
  m.gauge.value = value;
  return m;
}

MetricFamily family(const char* name, const char* help) {
  MetricFamily made;
  made.name = name;
  made.help = help;
  made.type = prometheus::MetricType::Gauge;
  return made;
}

}  // namespace

std::vector<MetricFamily> DeviceMetrics::Collect() const {
  std::vector<DeviceSample> samples;
  for (const auto& device : devices_) samples.push_back(device.sample());
  std::vector<MetricFamily> all;
  const auto keep = [&all](MetricFamily made) {
    if (!made.metric.empty()) all.push_back(std::move(made));
  };
  for (const auto& gauge : gauges()) {
    auto made = family(gauge.name, gauge.help);
    for (std::size_t i = 0; i < devices_.size(); ++i)
      if (const auto value = gauge.value(samples[i])) made.metric.push_back(metric(devices_[i], *value));
    keep(std::move(made));
  }
  auto throttled = family("troupe_gpu_throttled", "1 while a GPU's clocks are held down, by reason.");
  for (std::size_t i = 0; i < devices_.size(); ++i)
    for (const auto& reason : samples[i].throttled_by) {
      throttled.metric.push_back(metric(devices_[i], 1));
      throttled.metric.back().label.push_back({"reason", reason});
    }
  keep(std::move(throttled));
  return all;
}

}  // namespace troupe
