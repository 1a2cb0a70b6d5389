#pragma once
// What may stand behind a key of the configuration, free of TOML: a value, the rule it must obey, and how
// both are written for people and for files. Used by the schema alone.
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/units.hpp"

namespace troupe::schema {

struct Nothing {  // "auto", or a key left out
  friend bool operator==(Nothing, Nothing) = default;
};
using Value = std::variant<Nothing, std::int64_t, double, bool, Bytes, std::string, std::vector<std::string>,
                           std::vector<std::int64_t>>;

enum class Type { integer, number, flag, bytes, text, path, texts, integers };
enum class Shape { any, name, kind, inner_path, address };  // of a text, beyond being printable

struct Rule {
  Type type = Type::text;
  std::int64_t least = 0;  // of an integer, of bytes, of every integer of a list
  std::int64_t most = std::numeric_limits<std::int64_t>::max();
  double low = 0, high = 1;                    // of a number
  bool above_low = false, below_high = false;  // the ends themselves are not allowed
  bool power_of_two = false;
  Shape shape = Shape::any;
  std::vector<std::string> choices = {};  // of a text, of every text of a list
  std::size_t min_items = 0, max_items = 10000;
  std::string nothing = {};  // the word that stands for Nothing, "auto"; empty: the key is left out
  bool required = false;
  bool resolved = false;  // a path taken from the folder of the file it stands in
};

struct Complaint {
  std::string text;  // goes on after the key: "is out of range"
  std::string allowed;
  int item = -1;  // of a list: which one
};
/// Whether a value of the rule's own type (or Nothing) is allowed.
std::optional<Complaint> check(const Rule& rule, const Value& value);

/// Whether an address is of the machine itself alone: 127.0.0.0/8 or ::1.
bool is_loopback(const std::string& address);

/// "an integer", "a list of texts"
std::string type_name(Type type);
/// "0 … 65535", "one of …"
std::string range_text(const Rule& rule);
/// The value as TOML; empty for Nothing.
std::string literal(const Value& value);
/// A TOML basic string.
std::string toml_string(std::string_view text);
/// The shortest text that reads back as this finite number.
std::string number_text(double value);
/// A value for an error: quoted, cut to what fits a line.
std::string shown(std::string_view text);
/// The number of edits between two short texts; a swap of neighbours is one.
std::size_t edit_distance(std::string_view a, std::string_view b);
/// The nearest of the candidates if it is near enough to be meant, else empty.
std::string nearest(std::string_view given, const std::vector<std::string>& candidates);

}  // namespace troupe::schema
