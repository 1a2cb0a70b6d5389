#pragma once
// From the TOML library's nodes to the schema's values. Included by configuration sources alone.
#include <toml++/toml.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/config.hpp"
#include "base/config_rule.hpp"

namespace troupe::schema {

/// Fails with the place and words of the first syntax error.
Result<toml::table> parse_toml(std::string_view text, const std::string& file) noexcept;

struct Read {
  Value value;
  std::optional<Complaint> complaint;  // the node is of another type than the rule's
};
Read read_value(const Rule& rule, const toml::node& node);

/// A value of [job.options] as text; nothing for lists, tables, dates and numbers that are not finite.
std::optional<std::string> option_text(const toml::node& node);
/// The value for an error, cut to what fits a line.
std::string shown_node(const toml::node& node);
/// Orders errors whose place is FILE:LINE:COLUMN as they stand in the file; others come first.
void sort_by_place(Errors& errors, const std::string& file);

}  // namespace troupe::schema
