#include "base/units.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

namespace troupe {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};
constexpr std::array<Unit, 12> units = {{{"B", 1},
                                         {"kB", 1'000},
                                         {"KB", 1'000},
                                         {"MB", 1'000'000},
                                         {"GB", 1'000'000'000},
                                         {"TB", 1'000'000'000'000},
                                         {"PB", 1'000'000'000'000'000},
                                         {"KiB", std::int64_t{1} << 10},
                                         {"MiB", std::int64_t{1} << 20},
                                         {"GiB", std::int64_t{1} << 30},
                                         {"TiB", std::int64_t{1} << 40},
                                         {"PiB", std::int64_t{1} << 50}}};

Error bad_bytes(std::string what, std::string_view given) {
  Error e;
  e.code = ErrorCode::bad_config;
  e.what = std::move(what);
  e.given.append("\"").append(given.substr(0, 40)).append("\"");
  e.allowed = "a number and a unit, such as \"512 MiB\" or \"1.5 GiB\"";
  return e;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string print(const char* format, double value) {
  char out[64];
  std::snprintf(out, sizeof out, format, value);
  return out;
}

std::string print_pair(std::int64_t large, const char* large_unit, std::int64_t small,
                       const char* small_unit) {
  char out[64];
  std::snprintf(out, sizeof out, "%lld %s %02lld %s", static_cast<long long>(large), large_unit,
                static_cast<long long>(small), small_unit);
  return out;
}

}  // namespace

std::string to_string(Bytes b) {
  constexpr std::array<const char*, 6> names = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(b.count);
  std::size_t i = 0;
  // 999.5 would print as 1e+03 with three digits, so the next unit starts there
  for (; std::abs(value) >= 999.5 && i + 1 < names.size(); ++i) value /= 1024;
  if (i == 0) return std::to_string(b.count) + " B";
  return print(std::abs(value) >= 999.5 ? "%.0f " : "%.3g ", value) + names[i];
}

Result<Bytes> parse_bytes(std::string_view text) {
  const std::string_view all = trimmed(text);
  std::string_view rest = all;
  if (!rest.empty() && rest.front() == '-') return fail(bad_bytes("a size can't be negative", all));
  __extension__ using Wide = __int128;
  constexpr Wide largest = std::numeric_limits<std::int64_t>::max();
  Wide whole = 0, fraction = 0, scale = 1;
  std::size_t digits = 0;
  for (; !rest.empty() && is_digit(rest.front()); rest.remove_prefix(1), ++digits) {
    whole = std::min<Wide>(whole * 10 + (rest.front() - '0'), largest + 1);
  }
  if (!rest.empty() && rest.front() == '.') {
    rest.remove_prefix(1);
    for (; !rest.empty() && is_digit(rest.front()); rest.remove_prefix(1), ++digits) {
      if (scale >= 1'000'000'000'000'000) continue;  // further digits are below a byte
      fraction = fraction * 10 + (rest.front() - '0');
      scale *= 10;
    }
  }
  if (digits == 0) return fail(bad_bytes("a size needs a number", all));
  rest = trimmed(rest);
  const auto unit = std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == rest; });
  if (rest.empty()) return fail(bad_bytes("a size needs a unit", all));
  if (unit == units.end()) return fail(bad_bytes("unknown unit of size", all));
  const Wide bytes = whole * unit->factor + (fraction * unit->factor + scale / 2) / scale;
  if (bytes > largest) return fail(bad_bytes("a size too large for any machine", all));
  return Bytes{static_cast<std::int64_t>(bytes)};
}

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds)) return "unknown";
  if (seconds < 0) return std::string("-").append(format_duration(-seconds));
  if (seconds == 0) return "0 s";
  if (seconds < 1e-6) return print("%.3g ns", seconds * 1e9);
  if (seconds < 1e-4) return print("%.3g us", seconds * 1e6);
  if (seconds < 0.9995) return print("%.3g ms", seconds * 1e3);
  if (seconds < 59.95) return print("%.3g s", seconds);
  if (seconds > 1e12) return "unknown";
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 3600) return print_pair(whole / 60, "min", whole % 60, "s");
  if (whole < 86400) return print_pair(whole / 3600, "h", whole / 60 % 60, "min");
  return print_pair(whole / 86400, "d", whole / 3600 % 24, "h");
}

}  // namespace troupe
