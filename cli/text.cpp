#include "cli/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>

#include "base/units.hpp"

namespace troupe {
namespace {
bool starts_code_point(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }
}  // namespace

int columns(std::string_view text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), starts_code_point));
}

std::string cut(std::string_view text, int width) {
  if (columns(text) <= width) return std::string(text);
  if (width <= 0) return "";
  int seen = 0;
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    if (starts_code_point(text[end]) && ++seen == width) break;
  }
  return std::string(text.substr(0, end)) + "…";
}

std::string table(const std::vector<std::vector<std::string>>& rows, const std::vector<int>& right) {
  std::vector<int> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columns(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string pad(static_cast<std::size_t>(widths[i] - columns(row[i])), ' ');
      const bool flush_right = std::find(right.begin(), right.end(), static_cast<int>(i)) != right.end();
      if (i > 0) line += "  ";
      line += flush_right ? pad + row[i] : row[i] + pad;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string short_number(double value) {
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  const double size = std::abs(value);
  if (size >= 100) return fmt::format("{:.0f}", value);
  if (size >= 10) return fmt::format("{:.1f}", value);
  if (size >= 0.1 || size == 0) return fmt::format("{:.2f}", value);
  return fmt::format("{:.2g}", value);
}

std::string short_number(const nlohmann::json& value) {
  return value.is_number() ? short_number(value.get<double>()) : "-";
}

std::string bytes_text(const nlohmann::json& value) {
  return value.is_number() ? to_string(Bytes{value.get<std::int64_t>()}) : "-";
}

std::string duration_text(const nlohmann::json& value) {
  return value.is_number() ? format_duration(value.get<double>()) : "-";
}

std::string counted(long count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string shell_word(const std::string& path) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("@%+=:,./_-").find(c) != std::string_view::npos;
  };
  if (!path.empty() && std::all_of(path.begin(), path.end(), plain)) return path;
  std::string word = "'";
  for (const char c : path) {
    if (c == '\'')
      word += "'\\''";
    else
      word += c;
  }
  return word + "'";
}

std::string clock_text(double unix_time) {
  const std::time_t seconds = static_cast<std::time_t>(unix_time);
  std::tm parts{};
  localtime_r(&seconds, &parts);
  return fmt::format("{:02}:{:02}:{:02}", parts.tm_hour, parts.tm_min, parts.tm_sec);
}

nlohmann::json member_or_null(const nlohmann::json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nlohmann::json(nullptr) : *found;
}

}  // namespace troupe
