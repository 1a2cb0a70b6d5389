#include "base/config_rule.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace troupe::schema {
namespace {

using Answer = std::optional<Complaint>;

std::string item_range(const Rule& rule);

// Sizes that are a whole number of units read better so; the rest keeps its last byte.
std::string exact(Bytes b) {
  constexpr const char* names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  int unit = 0;
  std::int64_t count = b.count;
  for (; count != 0 && count % 1024 == 0 && unit < 5; ++unit) count /= 1024;
  return fmt::format("{} {}", count, names[unit]);
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out.append(out.empty() ? "" : ", ").append(toml_string(word));
  return out;
}

bool is_name(std::string_view text, bool underscore) {
  const auto good = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || (underscore && c == '_');
  };
  return !text.empty() && text.size() <= 40 && std::all_of(text.begin(), text.end(), good);
}

// A relative path that stays inside its folder.
bool is_inner(std::string_view text) {
  if (text.empty() || text.front() == '/') return false;
  const std::string padded = fmt::format("/{}/", text);
  return padded.find("/../") == std::string::npos;
}

bool is_address(const std::string& text) {
  in6_addr room{};
  return ::inet_pton(AF_INET, text.c_str(), &room) == 1 || ::inet_pton(AF_INET6, text.c_str(), &room) == 1;
}

Answer check_text(const Rule& rule, const std::string& text) {
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (rule.type == Type::path && text.empty()) return Complaint{"is empty", "a path"};
  if (std::any_of(text.begin(), text.end(), control)) {
    return Complaint{"holds control characters", "printable text"};
  }
  if (text.size() > 4096) return Complaint{"is too long", "at most 4096 bytes"};
  if (!rule.choices.empty() &&
      std::find(rule.choices.begin(), rule.choices.end(), text) == rule.choices.end()) {
    return Complaint{"is none of the choices", range_text(rule)};
  }
  if (rule.shape == Shape::address && !is_address(text))
    return Complaint{"is no IP address", range_text(rule)};
  const bool bad = (rule.shape == Shape::name && !is_name(text, false)) ||
                   (rule.shape == Shape::kind && !is_name(text, true)) ||
                   (rule.shape == Shape::inner_path && !is_inner(text));
  if (bad) {
    return Complaint{
        rule.shape == Shape::inner_path ? "must name a file inside the folder" : "is no valid name",
        range_text(rule)};
  }
  return {};
}

Answer check_integer(const Rule& rule, std::int64_t value) {
  if (value < rule.least || value > rule.most) return Complaint{"is out of range", range_text(rule)};
  if (rule.power_of_two && (value & (value - 1)) != 0)
    return Complaint{"is no power of two", range_text(rule)};
  return {};
}

template <class T, class Check>
Answer check_list(const Rule& rule, const std::vector<T>& values, Check each) {
  if (values.size() < rule.min_items) return Complaint{"is too short a list", range_text(rule)};
  if (values.size() > rule.max_items) return Complaint{"is too long a list", range_text(rule)};
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (Answer bad = each(values[i])) {
      bad->text = fmt::format("has an entry that {}", bad->text);
      bad->allowed = item_range(rule);
      bad->item = static_cast<int>(i);
      return bad;
    }
  }
  return {};
}

Answer check_texts(const Rule& rule, const std::vector<std::string>& values) {
  if (Answer bad = check_list(rule, values, [&](const auto& v) { return check_text(rule, v); })) return bad;
  std::set<std::string> seen;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (seen.insert(values[i]).second) continue;
    return Complaint{"names an entry twice", "each once", static_cast<int>(i)};
  }
  return {};
}

std::string text_range(const Rule& rule) {
  if (!rule.choices.empty()) return fmt::format("one of {}", joined(rule.choices));
  switch (rule.shape) {
    case Shape::name:
      return "1 to 40 of a-z, 0-9 and -";
    case Shape::kind:
      return "1 to 40 of a-z, 0-9, - and _";
    case Shape::inner_path:
      return "relative paths without ..";
    case Shape::address:
      return "an IPv4 or IPv6 address, 0.0.0.0 or :: for all of the machine's";
    default:
      return "";
  }
}

std::string item_range(const Rule& rule) {
  switch (rule.type) {
    case Type::flag:
      return "true or false";
    case Type::integer:
    case Type::integers:
      if (rule.power_of_two) return fmt::format("{}, {}, … {}", rule.least, rule.least * 2, rule.most);
      return fmt::format("{} … {}", rule.least, rule.most);
    case Type::bytes:
      return fmt::format("{} … {}", exact({rule.least}), exact({rule.most}));
    case Type::number:
      return fmt::format("{}{} … {}{}", rule.above_low ? "above " : "", number_text(rule.low),
                         rule.below_high ? "below " : "", number_text(rule.high));
    default:
      return text_range(rule);
  }
}

}  // namespace

std::optional<Complaint> check(const Rule& rule, const Value& value) {
  if (std::holds_alternative<Nothing>(value)) return {};
  switch (rule.type) {
    case Type::flag:
      return {};
    case Type::integer:
      return check_integer(rule, std::get<std::int64_t>(value));
    case Type::bytes: {
      const auto count = std::get<Bytes>(value).count;
      if (count < rule.least || count > rule.most) return Complaint{"is out of range", range_text(rule)};
      return {};
    }
    case Type::number: {
      const double v = std::get<double>(value);
      const bool high_enough = rule.above_low ? v > rule.low : v >= rule.low;
      const bool low_enough = rule.below_high ? v < rule.high : v <= rule.high;
      if (!high_enough || !low_enough) return Complaint{"is out of range", range_text(rule)};
      return {};
    }
    case Type::text:
    case Type::path:
      return check_text(rule, std::get<std::string>(value));
    case Type::texts:
      return check_texts(rule, std::get<std::vector<std::string>>(value));
    case Type::integers:
      return check_list(rule, std::get<std::vector<std::int64_t>>(value),
                        [&](std::int64_t v) { return check_integer(rule, v); });
  }
  return {};
}

bool is_loopback(const std::string& address) {
  in_addr four{};
  in6_addr six{};
  if (::inet_pton(AF_INET, address.c_str(), &four) == 1) return ntohl(four.s_addr) >> 24 == 127;
  return ::inet_pton(AF_INET6, address.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

std::string type_name(Type type) {
  switch (type) {
    case Type::integer:
      return "an integer";
    case Type::number:
      return "a number";
    case Type::flag:
      return "a flag";
    case Type::bytes:
      return "a size";
    case Type::text:
      return "a text";
    case Type::path:
      return "a path";
    case Type::texts:
      return "a list of texts";
    case Type::integers:
      return "a list of integers";
  }
  return "";
}

std::string range_text(const Rule& rule) {
  std::string out = item_range(rule);
  if (rule.min_items > 0) out = fmt::format("at least {} of: {}", rule.min_items, out);
  if (!rule.nothing.empty()) out += " or " + toml_string(rule.nothing);
  return out;
}

std::string literal(const Value& value) {
  struct Writer {
    std::string operator()(Nothing) const { return ""; }
    std::string operator()(std::int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return number_text(v); }
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(Bytes v) const { return toml_string(exact(v)); }
    std::string operator()(const std::string& v) const { return toml_string(v); }
    std::string operator()(const std::vector<std::string>& v) const { return fmt::format("[{}]", joined(v)); }
    std::string operator()(const std::vector<std::int64_t>& v) const {
      return fmt::format("[{}]", fmt::join(v, ", "));
    }
  };
  return std::visit(Writer{}, value);
}

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04X}", byte);
    } else {
      out += c;
    }
  }
  return out += '"';
}

std::string number_text(double value) {
  return fmt::format("{}", value + 0.0);  // minus zero and zero are one number, so one text
}

std::string shown(std::string_view text) {
  constexpr std::size_t most = 60;
  if (text.size() <= most) return toml_string(text);
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // never half a character
  return toml_string(text.substr(0, end)) + "…";
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        now[j] = std::min(now[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[b.size()];
}

std::string nearest(std::string_view given, const std::vector<std::string>& candidates) {
  if (given.empty() || given.size() > 60) return "";
  std::string best;
  std::size_t least = std::max<std::size_t>(1, given.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    // a part of a name, such as `batch` of `shard_batch`, is meant as often as a slip of the finger
    const bool part = given.size() >= 4 && candidate.find(given) != std::string::npos;
    const std::size_t distance = part ? 1 : edit_distance(given, candidate);
    if (distance < least && distance < candidate.size()) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace troupe::schema
