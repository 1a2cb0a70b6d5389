#include "predict/correction.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "predict/median.hpp"

namespace troupe {
namespace {

using Json = nlohmann::json;

constexpr int kFormat = 1;
constexpr std::size_t kLongestName = 200;

bool sane(double factor) { return factor >= Correction::kLeast && factor <= Correction::kMost; }

Error broken(const std::string& where, std::string what, std::string given = "") {
  return {ErrorCode::bad_data,
          std::move(what),
          where,
          std::move(given),
          "",
          "It is begun anew; predictions are corrected again as steps are seen"};
}

}  // namespace

double Correction::Seen::value() const {
  const bool was_known = steps > static_cast<std::int64_t>(newest.size());
  if (newest.empty() || (was_known && newest.size() < kFew)) return before;
  return median({newest.begin(), newest.end()});
}

void Correction::step(const StepKind& kind, double predicted, double measured) {
  const double ratio = measured / predicted;
  if (!(predicted > 0) || !sane(ratio)) return;
  if (kinds_.size() >= kMostKinds && !kinds_.contains(kind)) return;
  Seen& seen = kinds_[kind];
  seen.newest.push_back(std::log(ratio));
  if (seen.newest.size() > kNewest) seen.newest.pop_front();
  ++seen.steps;
}

double Correction::factor(const StepKind& kind) const {
  if (const auto found = kinds_.find(kind); found != kinds_.end()) return std::exp(found->second.value());
  const Seen* nearest = nullptr;
  int distance = 0;
  std::vector<double> all;
  for (const auto& [known, seen] : kinds_) {
    if (known.job_kind != kind.job_kind) continue;
    all.push_back(seen.value());
    const int away = std::abs(known.cores - kind.cores);
    if (known.phase != kind.phase || (nearest && away >= distance)) continue;
    nearest = &seen;
    distance = away;
  }
  if (nearest) return std::exp(nearest->value());
  return all.empty() ? 1 : std::exp(median(std::move(all)));
}

std::vector<int> Correction::cores(const std::string& job_kind, const std::string& phase) const {
  std::vector<int> seen;
  for (auto it = kinds_.lower_bound({job_kind, phase, std::numeric_limits<int>::min()});
       it != kinds_.end() && it->first.job_kind == job_kind && it->first.phase == phase; ++it)
    seen.push_back(it->first.cores);
  return seen;
}

std::int64_t Correction::steps(const StepKind& kind) const {
  const auto found = kinds_.find(kind);
  return found == kinds_.end() ? 0 : found->second.steps;
}

std::string Correction::text() const {
  Json list = Json::array();
  for (const auto& [kind, seen] : kinds_)
    list.push_back({{"kind", kind.job_kind},
                    {"phase", kind.phase},
                    {"cores", kind.cores},
                    {"factor", std::exp(seen.value())},
                    {"steps", seen.steps}});
  const Json all{{"format", kFormat}, {"corrections", list}, {"peaks", peaks_.to_json()}};
  return all.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Correction> Correction::from_text(const std::string& text, const std::string& where) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || json.value("format", Json()) != kFormat || !json.contains("corrections") ||
      !json["corrections"].is_array())
    return fail(broken(where, "this is no file of corrections, or of another version"));
  if (json["corrections"].size() > kMostKinds) return fail(broken(where, "there are too many corrections"));
  Correction all;
  if (json.contains("peaks") && !all.peaks_.from_json(json["peaks"]))  // older files have none
    return fail(broken(where, "what is kept of peaks makes no sense"));
  for (const Json& row : json["corrections"]) {
    const auto name = [&](const char* key) {
      const auto it = row.find(key);
      return it != row.end() && it->is_string() && it->get_ref<const std::string&>().size() <= kLongestName;
    };
    const auto whole = [&](const char* key, std::int64_t least) {
      const auto it = row.find(key);
      return it != row.end() && it->is_number_integer() && it->get<std::int64_t>() >= least;
    };
    const bool shaped = row.is_object() && name("kind") && name("phase") && whole("cores", 1) &&
                        row["cores"].get<std::int64_t>() <= (1 << 20) && whole("steps", 1) &&
                        row.contains("factor") && row["factor"].is_number() &&
                        sane(row["factor"].get<double>());
    if (!shaped)
      return fail(broken(where, "a correction makes no sense",
                         row.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, kLongestName)));
    Seen& seen = all.kinds_[{row["kind"], row["phase"], row["cores"].get<int>()}];
    seen.before = std::log(row["factor"].get<double>());
    seen.steps = row["steps"].get<std::int64_t>();
  }
  return all;
}

}  // namespace troupe
