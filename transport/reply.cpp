#include "transport/reply.hpp"

namespace troupe {
namespace {

std::string text_in(const nlohmann::json& json, const char* field) {
  const auto found = json.is_object() ? json.find(field) : json.end();
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

ErrorCode code_in(const nlohmann::json& json) {
  const auto found = json.is_object() ? json.find("code") : json.end();
  if (found == json.end() || !found->is_number_unsigned()) return ErrorCode::internal;
  const auto code = found->get<std::uint64_t>();
  return code <= static_cast<std::uint64_t>(ErrorCode::internal) ? static_cast<ErrorCode>(code)
                                                                 : ErrorCode::internal;
}

}  // namespace

nlohmann::json error_to_json(const Error& e) {
  return {{"code", static_cast<unsigned>(e.code)},
          {"what", e.what},
          {"where", e.where},
          {"given", e.given},
          {"allowed", e.allowed},
          {"hint", e.hint}};
}

Error error_from_json(const nlohmann::json& j) {
  return {.code = code_in(j),
          .what = text_in(j, "what"),
          .where = text_in(j, "where"),
          .given = text_in(j, "given"),
          .allowed = text_in(j, "allowed"),
          .hint = text_in(j, "hint")};
}

Result<nlohmann::json> unwrap_reply(const std::string& reply) {
  const auto json = nlohmann::json::parse(reply, nullptr, false);
  if (json.is_object() && json.contains("ok")) return json["ok"];
  if (json.is_object() && json.contains("error")) return fail(error_from_json(json["error"]));
  return fail({.code = ErrorCode::wrong_version,
               .what = "the cluster's answer is not understood",
               .given = reply.substr(0, 80)});
}

namespace wire {

std::string text_of(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}
std::string good(const nlohmann::json& value) { return text_of({{"ok", value}}); }
std::string bad(const Error& error) { return text_of({{"error", error_to_json(error)}}); }

}  // namespace wire
}  // namespace troupe
