#pragma once
// By how much peaks came to more than was forecast, by kind of job and phase, and the headroom that follows.
// Pure; thread-safe it is not.
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>

namespace troupe {

class PeakErrors {
 public:
  static constexpr double kLeast = 0.02;  // forecasts held so far: for what a dry run can't see
  static constexpr double kMost = 9;      // beyond, a forecast tells nothing
  static constexpr std::size_t kMostPhases = 4096;

  /// A phase was said to take `forecast` bytes and took `peak` so far. Passed over where the two make no
  /// sense.
  void seen(const std::string& kind, const std::string& phase, double forecast, double peak);
  /// What a wall is to have on top of a forecast, as a share of it: what would have covered every peak of the
  /// phase, of a phase not yet seen those of the kind's others.
  double headroom(const std::string& kind, const std::string& phase) const;

  nlohmann::json to_json() const;
  /// False for what to_json() does not make.
  bool from_json(const nlohmann::json& rows);

 private:
  std::map<std::pair<std::string, std::string>, double> worst_;  // (kind, phase) -> share beyond the forecast
};

}  // namespace troupe
