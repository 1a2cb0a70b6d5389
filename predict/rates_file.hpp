#pragma once
// Rates of a device, measured once and kept in a file that names the device.
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "predict/roofline.hpp"

namespace troupe {

/// Errors: not_found where there is no file or it is of another device, bad_data where it is broken.
Result<DeviceRates> read_rates(const std::filesystem::path& file, const std::string& device);
Result<void> write_rates(const std::filesystem::path& file, const DeviceRates& rates);

/// Thread-safe.
class RatesSource {
 public:
  /// `measure` takes some tenths of a second; empty: there are none. `device`: what rates are of.
  RatesSource(std::filesystem::path file, std::string device, std::function<DeviceRates()> measure);
  /// From the file, else measured and written to it. Blocks while that is done; then at once.
  std::optional<DeviceRates> get();
  /// What was wrong with the file, told once.
  std::vector<Error> troubles();

 private:
  std::filesystem::path file_;
  std::string device_;
  std::function<DeviceRates()> measure_;
  std::mutex mutex_;
  std::optional<DeviceRates> rates_;
  std::vector<Error> troubles_;
};

}  // namespace troupe
