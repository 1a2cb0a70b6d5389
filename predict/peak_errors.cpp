#include "predict/peak_errors.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace troupe {
namespace {

constexpr std::size_t kLongestName = 200;

bool sane(double over) { return std::isfinite(over) && over >= 0 && over <= PeakErrors::kMost; }

}  // namespace

void PeakErrors::seen(const std::string& kind, const std::string& phase, double forecast, double peak) {
  if (!(forecast > 0) || !(peak > 0)) return;
  const double over = std::max(0.0, peak / forecast - 1);
  const std::pair key(kind, phase);
  if (!sane(over) || (worst_.size() >= kMostPhases && !worst_.contains(key))) return;
  auto& worst = worst_[key];
  worst = std::max(worst, over);
}

double PeakErrors::headroom(const std::string& kind, const std::string& phase) const {
  const auto covers = [](double over) { return over > 0 ? (1 + over) * (1 + kLeast) - 1 : kLeast; };
  if (const auto own = worst_.find({kind, phase}); own != worst_.end()) return covers(own->second);
  double worst = 0;
  for (auto it = worst_.lower_bound({kind, ""}); it != worst_.end() && it->first.first == kind; ++it)
    worst = std::max(worst, it->second);
  return covers(worst);
}

nlohmann::json PeakErrors::to_json() const {
  auto rows = nlohmann::json::array();
  for (const auto& [key, over] : worst_)
    rows.push_back({{"kind", key.first}, {"phase", key.second}, {"over", over}});
  return rows;
}

bool PeakErrors::from_json(const nlohmann::json& rows) {
  if (!rows.is_array() || rows.size() > kMostPhases) return false;
  for (const auto& row : rows) {
    if (!row.is_object()) return false;
    const auto kind = row.find("kind"), phase = row.find("phase"), over = row.find("over");
    const auto name = [&](const auto& it) {
      return it != row.end() && it->is_string() &&
             it->template get_ref<const std::string&>().size() <= kLongestName;
    };
    if (!name(kind) || !name(phase) || over == row.end() || !over->is_number() || !sane(over->get<double>()))
      return false;
    worst_[{kind->get<std::string>(), phase->get<std::string>()}] = over->get<double>();
  }
  return true;
}

}  // namespace troupe
