#include "actors/plane_refusals.hpp"

namespace troupe {

nlohmann::json PlaneRefusals::write(const PlaneStatistics& statistics) {
  return {{"refused", statistics.refused}};
}

std::optional<PlaneRefusals::Counts> PlaneRefusals::read(const nlohmann::json& told) {
  const auto found = told.is_object() ? told.find("refused") : told.end();
  if (found == told.end() || !found->is_array() || found->size() != kRefusals) return std::nullopt;
  Counts counts{};
  for (std::size_t i = 0; i < kRefusals; ++i) {
    if (!(*found)[i].is_number_unsigned()) return std::nullopt;
    counts[i] = (*found)[i].get<std::uint64_t>();
  }
  return counts;
}

std::vector<Event> PlaneRefusals::news(const std::string& node, const std::optional<Counts>& counts) {
  std::vector<Event> events;
  if (!counts) return events;
  for (std::size_t i = 0; i < kRefusals; ++i) {
    const auto reason = static_cast<Refusal>(i);
    if ((*counts)[i] <= seen_[i] || reason == Refusal::late) continue;
    Event e{.kind = EventKind::connections_refused, .node = node};
    e.text = std::string("plane_") + to_string(reason);
    e.count = static_cast<std::int64_t>((*counts)[i] - seen_[i]);
    events.push_back(std::move(e));
  }
  seen_ = *counts;
  return events;
}

}  // namespace troupe
