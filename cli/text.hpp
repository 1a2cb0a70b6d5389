#pragma once
// Small pieces of text for people. All pure.
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// Columns aligned, two spaces apart, the first row underlined by nothing; columns of `right` are flush
/// right.
std::string table(const std::vector<std::vector<std::string>>& rows, const std::vector<int>& right = {});

/// At most `width` columns, with "…" where something was cut. Columns are counted in code points.
std::string cut(std::string_view text, int width);
/// Code points of a UTF-8 text.
int columns(std::string_view text);

/// A number with about three significant digits: "1234", "51.3", "0.042"; "-" for null or what is no number.
std::string short_number(const nlohmann::json& value);
std::string short_number(double value);
/// "512 MiB" from a count of bytes; "-" for null.
std::string bytes_text(const nlohmann::json& value);
/// "3 min 10 s"; "-" for null.
std::string duration_text(const nlohmann::json& value);
/// "2 cores", "1 core".
std::string counted(long count, std::string_view noun);
/// A path as one word of a shell's line: as it is, or in single quotes where it holds anything but letters,
/// digits and @%+=:,./_-
std::string shell_word(const std::string& path);
/// "14:03:59", local time.
std::string clock_text(double unix_time);

/// A member of a reply that may come from another version: the fallback where it is missing, null or of
/// another type.
template <class T>
T member(const nlohmann::json& object, const char* key, T fallback) {
  if (!object.is_object()) return fallback;
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return fallback;
  try {
    return found->template get<T>();
  } catch (const nlohmann::json::exception&) {
    return fallback;
  }
}
/// The member, or null.
nlohmann::json member_or_null(const nlohmann::json& object, const char* key);

}  // namespace troupe
