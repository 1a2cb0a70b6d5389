#pragma once
// What either side answers, as JSON: {"ok": value} or {"error": …}.
#include <nlohmann/json.hpp>
#include <string>

#include "base/error.hpp"

namespace troupe {

nlohmann::json error_to_json(const Error& error);
/// Of anything: fields that are missing or of another type are left empty, an unknown code is `internal`.
Error error_from_json(const nlohmann::json& json);
/// {"ok": value} -> value, {"error": …} -> Error; wrong_version for what is neither.
Result<nlohmann::json> unwrap_reply(const std::string& reply);

namespace wire {
/// One line; what is no UTF-8 is replaced.
std::string text_of(const nlohmann::json& json);
/// {"ok": value} and {"error": …}.
std::string good(const nlohmann::json& value);
std::string bad(const Error& error);
}  // namespace wire

}  // namespace troupe
