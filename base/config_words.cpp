#include "base/config_words.hpp"

#include <fmt/format.h>

#include "base/config.hpp"
#include "base/config_rule.hpp"

namespace troupe::schema {

std::string Words::title(const std::string& section) const {
  if (section == "cluster") return "[cluster]";
  if (section == "node") return "[[node]]";
  if (section == "job") return nested ? "[[job]]" : "the job's file";
  return fmt::format("[{}]", nested ? section : section.substr(4));
}

std::string Words::hint(const std::string& key, const std::vector<std::string>& known) const {
  if (!nested && (key == "job" || key == "cluster" || key == "node")) {
    return "This is read as one job's file, whose keys stand at the top level";
  }
  std::string homes;
  std::vector<std::string> everywhere;
  for (const auto& info : config_keys()) {
    if (!nested && !info.path.starts_with("job")) continue;
    const std::size_t dot = info.path.rfind('.');
    const std::string name = info.path.substr(dot + 1);
    everywhere.push_back(name);
    if (name == key) homes.append(homes.empty() ? "" : " or ").append(title(info.path.substr(0, dot)));
  }
  if (!homes.empty()) return fmt::format("`{}` belongs in {}", key, homes);
  if (const std::string close = nearest(key, known); !close.empty())
    return fmt::format("Did you mean `{}`?", close);
  const std::string close = nearest(key, everywhere);
  return close.empty() ? "" : fmt::format("Did you mean `{}`? {}", close, hint(close, {}));
}

std::string ticked(const std::string& key) {
  const std::string text = shown(key);
  return text.size() == key.size() + 2 ? fmt::format("`{}`", key) : text;
}

}  // namespace troupe::schema
