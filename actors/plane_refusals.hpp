#pragma once
// What data planes refuse, on its way to the metrics: a plane counts since its start, events tell what is
// new.
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ops/events.hpp"
#include "transport/plane_statistics.hpp"

namespace troupe {

class PlaneRefusals {
 public:
  using Counts = std::array<std::uint64_t, kRefusals>;

  /// What a node tells its head with each sign of life.
  static nlohmann::json write(const PlaneStatistics& statistics);
  /// Nothing for what makes no sense.
  static std::optional<Counts> read(const nlohmann::json& told);

  /// An event connections_refused for each reason ("plane_wrong_key") that came up since the last call. What
  /// came late is no fault of anybody's and is left out.
  std::vector<Event> news(const std::string& node, const std::optional<Counts>& counts);

 private:
  Counts seen_{};
};

}  // namespace troupe
