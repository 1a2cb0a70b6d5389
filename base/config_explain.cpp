#include <fmt/format.h>

#include "base/config_schema.hpp"

namespace troupe {
namespace {

using namespace schema;

template <class Owner>
void add(std::vector<KeyInfo>& keys, const std::string& prefix, const std::vector<Field<Owner>>& fields) {
  const Owner defaults{};
  for (const auto& field : fields) {
    KeyInfo key;
    key.path = prefix + field.key;
    key.type = type_name(field.rule.type);
    key.fallback = field.rule.required ? "required" : literal(field.get(defaults));
    if (key.fallback.empty())
      key.fallback = field.rule.nothing.empty() ? "none" : toml_string(field.rule.nothing);
    key.range = range_text(field.rule);
    key.unit = field.unit;
    key.text = field.text;
    keys.push_back(std::move(key));
  }
}

std::vector<KeyInfo> all_keys() {
  std::vector<KeyInfo> keys;
  add(keys, "cluster.", cluster_fields());
  add(keys, "node.", node_fields());
  add(keys, "user.", user_fields());
  add(keys, "job.", job_fields());
  add(keys, "job.data.", data_fields());
  add(keys, "job.gan.", gan_fields());
  keys.push_back({"job.options.KEY", "a text, a number or a flag", "none", "", "", kOptionsText});
  return keys;
}

std::string explained(const KeyInfo& key) {
  std::string out = fmt::format("{}\n    {}", key.path, key.type);
  if (!key.range.empty()) out += ": " + key.range;
  if (!key.unit.empty()) out += fmt::format(" ({})", key.unit);
  return out + fmt::format("; default: {}\n    {}\n", key.fallback, key.text);
}

std::string cell(const std::string& text, bool code = false) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return code && !out.empty() ? "`" + out + "`" : out;
}

struct Section {
  const char* prefix;
  const char* heading;
  const char* text;
};
constexpr Section sections[] = {
    {"cluster.", "[cluster]", "The cluster as a whole."},
    {"node.", "[[node]]", "One machine each; without any there is one node named \"local\"."},
    {"user.", "[[user]]", "One user each; who is not here has a weight of 1."},
    {"job.", "[[job]]", "One job each. In a job's own file these keys stand at the top level."},
    {"job.data.", "[job.data]",
     "What the job learns from; needed by the kind \"gan\". In a job's own file: `[data]`."},
    {"job.gan.", "[job.gan]", "The kind \"gan\" only. In a job's own file: `[gan]`."},
    {"job.options.", "[job.options]", "Other kinds only. In a job's own file: `[options]`."},
};

bool belongs_to(const std::string& path, std::string_view prefix) {
  return path.starts_with(prefix) && path.find('.', prefix.size()) == std::string::npos;
}

}  // namespace

const std::vector<KeyInfo>& config_keys() {
  static const std::vector<KeyInfo> keys = all_keys();
  return keys;
}

std::string explain_keys(std::string_view part) {
  std::string out;
  std::vector<std::string> names;
  for (const auto& key : config_keys()) {
    names.push_back(key.path.substr(key.path.rfind('.') + 1));
    if (key.path.find(part) != std::string::npos) out += explained(key);
  }
  if (!out.empty()) return out;
  out = fmt::format("no key holds {}", shown(part));
  const std::string close = nearest(part.substr(part.rfind('.') + 1), names);
  return out + (close.empty() ? std::string("\n") : fmt::format("; did you mean `{}`?\n", close));
}

std::string config_markdown() {
  std::string out =
      "# Configuration\n\n"
      "Every key that a cluster's file (`cluster.toml`) or a job's own file may hold, as\n"
      "`troupe config --explain` prints them. This page is made from the schema and a test compares the two; "
      "after a\n"
      "change: `./dev troupe config --explain --markdown > docs/config.md`.\n\n"
      "Sizes are texts (`\"512 MiB\"`, `\"1.5 GiB\"`; kB, MB, GB are powers of 1000) or integers (bytes). A "
      "key that is\n"
      "unknown, of the wrong type or out of its range is refused, all of them in one go, with file, line and "
      "column.\n";
  for (const auto& section : sections) {
    out += fmt::format(
        "\n## {}\n{}\n\n| key | type | default | allowed | unit | what it does "
        "|\n|---|---|---|---|---|---|\n",
        section.heading, section.text);
    for (const auto& key : config_keys()) {
      if (!belongs_to(key.path, section.prefix)) continue;
      out += fmt::format("| {} | {} | {} | {} | {} | {} |\n",
                         cell(key.path.substr(key.path.rfind('.') + 1), true), cell(key.type),
                         cell(key.fallback, key.fallback != "required" && key.fallback != "none"),
                         cell(key.range), cell(key.unit), cell(key.text));
    }
  }
  return out;
}

}  // namespace troupe
