#include "ops/events.hpp"

#include <fmt/core.h>

#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace troupe {
namespace {

constexpr std::array<std::pair<EventKind, const char*>, 25> kinds{{
    {EventKind::cluster_started, "cluster_started"},
    {EventKind::cluster_stopped, "cluster_stopped"},
    {EventKind::node_up, "node_up"},
    {EventKind::node_down, "node_down"},
    {EventKind::node_drained, "node_drained"},
    {EventKind::job_submitted, "job_submitted"},
    {EventKind::job_waiting, "job_waiting"},
    {EventKind::job_started, "job_started"},
    {EventKind::job_parked, "job_parked"},
    {EventKind::job_finished, "job_finished"},
    {EventKind::job_failed, "job_failed"},
    {EventKind::job_stopped, "job_stopped"},
    {EventKind::phase_started, "phase_started"},
    {EventKind::phase_finished, "phase_finished"},
    {EventKind::steps, "steps"},
    {EventKind::resize_decided, "resize_decided"},
    {EventKind::resize_applied, "resize_applied"},
    {EventKind::slice_sampled, "slice_sampled"},
    {EventKind::checkpoint_written, "checkpoint_written"},
    {EventKind::checkpoint_skipped, "checkpoint_skipped"},
    {EventKind::resumed, "resumed"},
    {EventKind::recovered, "recovered"},
    {EventKind::picture_written, "picture_written"},
    {EventKind::connections_refused, "connections_refused"},
    {EventKind::warning, "warning"},
}};

nlohmann::json number(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

/// Every field but kind, time and scores, with its name in the journal: the one list for both directions.
template <class E, class F>
void each_field(E& event, F&& field) {
  field("job", event.job);
  field("node", event.node);
  field("slice", event.slice);
  field("phase", event.phase);
  field("text", event.text);
  field("step", event.step);
  field("steps", event.steps);
  field("images", event.images);
  field("total_steps", event.total_steps);
  field("count", event.count);
  field("resolution", event.resolution);
  field("fade", event.fade);
  field("cores_asked", event.cores_asked);
  field("cores", event.cores);
  field("sms", event.sms);
  field("budget", event.budget);
  field("held", event.held);
  field("peak", event.peak);
  field("bytes", event.bytes);
  field("seconds", event.seconds);
  field("shard_seconds", event.shard_seconds);
  field("reduce_seconds", event.reduce_seconds);
  field("update_seconds", event.update_seconds);
  field("wait_seconds", event.wait_seconds);
  field("busy_seconds", event.busy_seconds);
  field("predicted_seconds", event.predicted_seconds);
  field("predicted_bytes", event.predicted_bytes);
  field("headroom", event.headroom);
  field("learned", event.learned);
  field("predicted_slowdown", event.predicted_slowdown);
  field("slowdown", event.slowdown);
}

void put(nlohmann::json& json, const char* key, const std::string& value) {
  if (!value.empty()) json[key] = value;
}
void put(nlohmann::json& json, const char* key, std::int64_t value) {
  if (value != 0) json[key] = value;
}
void put(nlohmann::json& json, const char* key, int value) { put(json, key, std::int64_t{value}); }
void put(nlohmann::json& json, const char* key, Bytes value) { put(json, key, value.count); }
void put(nlohmann::json& json, const char* key, double value) {
  if (value != 0) json[key] = number(value);
}

bool get(const nlohmann::json& json, std::string& out) {
  if (!json.is_string()) return false;
  out = json.get<std::string>();
  return true;
}
bool get(const nlohmann::json& json, std::int64_t& out) {
  if (!json.is_number_integer()) return false;
  if (json.is_number_unsigned() &&
      json.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return false;
  out = json.get<std::int64_t>();
  return true;
}
bool get(const nlohmann::json& json, int& out) {
  std::int64_t wide = 0;
  if (!get(json, wide) || wide < std::numeric_limits<int>::min() || wide > std::numeric_limits<int>::max())
    return false;
  out = static_cast<int>(wide);
  return true;
}
bool get(const nlohmann::json& json, Bytes& out) { return get(json, out.count); }
bool get(const nlohmann::json& json, double& out) {
  if (json.is_null()) out = std::nan("");
  if (json.is_number()) out = json.get<double>();
  return json.is_null() || json.is_number();
}

Error bad(std::string what, std::string given, std::string allowed = "") {
  return {ErrorCode::bad_data, std::move(what), "event", std::move(given), std::move(allowed), ""};
}

}  // namespace

const char* to_string(EventKind kind) noexcept {
  for (const auto& [k, name] : kinds)
    if (k == kind) return name;
  return "unknown";
}

nlohmann::json to_json(const Event& event) {
  nlohmann::json json = {{"event", to_string(event.kind)}, {"time", number(event.unix_time)}};
  each_field(event, [&](const char* key, const auto& value) { put(json, key, value); });
  for (const auto& score : event.scores) json["scores"][score.name] = number(score.value);
  return json;
}

Result<Event> event_from_json(const nlohmann::json& json) {
  if (!json.is_object()) return fail(bad("an event is an object", json.type_name()));
  Event event;
  const auto kind = json.find("event");
  if (kind == json.end() || !kind->is_string())
    return fail(bad("there is no kind", "", "a text under \"event\""));
  bool known = false;
  for (const auto& [k, name] : kinds)
    if (*kind == name) {
      event.kind = k;
      known = true;
    }
  if (!known) return fail(bad("the kind is unknown", kind->get<std::string>()));
  std::string wrong;
  const auto read = [&](const char* key, auto& value) {
    if (const auto it = json.find(key); it != json.end() && !get(*it, value) && wrong.empty()) wrong = key;
  };
  read("time", event.unix_time);
  each_field(event, read);
  if (!wrong.empty())
    return fail(
        bad(fmt::format("the value of \"{}\" is of a wrong type or size", wrong), json[wrong].dump()));
  const auto scores = json.find("scores");
  if (scores == json.end()) return event;
  if (!scores->is_object()) return fail(bad("scores are an object", scores->type_name()));
  for (const auto& [name, value] : scores->items()) {
    event.scores.push_back({name, 0});
    if (!get(value, event.scores.back().value)) return fail(bad("a score is a number", value.type_name()));
  }
  return event;
}

}  // namespace troupe
