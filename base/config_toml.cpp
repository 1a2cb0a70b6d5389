#include "base/config_toml.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/config_check.hpp"

namespace troupe::schema {
namespace {

Read wrong_type(const Rule& rule, int item = -1) {
  std::string text = "must be " + type_name(rule.type);
  if (rule.type == Type::bytes) text += " (\"2 GiB\", or an integer in bytes)";
  return {Nothing{}, Complaint{std::move(text), range_text(rule), item}};
}

Read read_bytes(const Rule& rule, const toml::node& node) {
  if (const auto* count = node.as_integer()) return {Bytes{count->get()}, {}};
  const auto* text = node.as_string();
  if (text == nullptr) return wrong_type(rule);
  auto bytes = parse_bytes(text->get());
  if (bytes) return {*bytes, {}};
  return {Nothing{}, Complaint{"is no size: " + bytes.error().what, bytes.error().allowed}};
}

template <class T>
Read read_list(const Rule& rule, const toml::node& node) {
  const toml::array* list = node.as_array();
  if (list == nullptr) return wrong_type(rule);
  std::vector<T> values;
  for (const toml::node& item : *list) {
    const auto* value = item.as<T>();
    if (value == nullptr) return wrong_type(rule, static_cast<int>(values.size()));
    values.push_back(value->get());
  }
  return {std::move(values), {}};
}

// The library's words may quote bytes that are no valid text.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 300)) out += static_cast<unsigned char>(c) < 0x80 ? c : '?';
  return out;
}

}  // namespace

Result<toml::table> parse_toml(std::string_view text, const std::string& file) noexcept {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& e) {
    const auto at = e.source().begin;
    return fail(config_error(fmt::format("{}:{}:{}", file, at.line, at.column),
                             "no valid TOML: " + plain(e.description())));
  } catch (const std::exception& e) {
    return fail(config_error(file, "can't be read as TOML: " + plain(e.what())));
  }
}

Read read_value(const Rule& rule, const toml::node& node) {
  const auto* text = node.as_string();
  if (text != nullptr && !rule.nothing.empty() && text->get() == rule.nothing) return {Nothing{}, {}};
  switch (rule.type) {
    case Type::integer:
      return node.is_integer() ? Read{node.as_integer()->get(), {}} : wrong_type(rule);
    case Type::number:
      if (node.is_integer()) return {static_cast<double>(node.as_integer()->get()), {}};
      return node.is_floating_point() ? Read{node.as_floating_point()->get(), {}} : wrong_type(rule);
    case Type::flag:
      return node.is_boolean() ? Read{node.as_boolean()->get(), {}} : wrong_type(rule);
    case Type::bytes:
      return read_bytes(rule, node);
    case Type::text:
    case Type::path:
      return text != nullptr ? Read{text->get(), {}} : wrong_type(rule);
    case Type::texts:
      return read_list<std::string>(rule, node);
    case Type::integers:
      return read_list<std::int64_t>(rule, node);
  }
  return wrong_type(rule);
}

std::optional<std::string> option_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* whole = node.as_integer()) return std::to_string(whole->get());
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  const auto* number = node.as_floating_point();
  if (number == nullptr || !std::isfinite(number->get())) return {};
  return number_text(number->get());
}

std::string shown_node(const toml::node& node) {
  if (const auto* text = node.as_string()) return shown(text->get());
  if (const auto* whole = node.as_integer()) return std::to_string(whole->get());
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* list = node.as_array()) return fmt::format("a list of {}", list->size());
  return node.is_table() ? "a table" : "a date or time";
}

void sort_by_place(Errors& errors, const std::string& file) {
  const auto place = [&](const Error& e) {
    unsigned long line = 0, column = 0;
    if (e.where.size() > file.size()) std::sscanf(e.where.c_str() + file.size(), ":%lu:%lu", &line, &column);
    return std::pair(line, column);
  };
  std::stable_sort(errors.begin(), errors.end(),
                   [&](const Error& a, const Error& b) { return place(a) < place(b); });
}

}  // namespace troupe::schema
