#include "cli/local_commands.hpp"

#include <ostream>

#include "base/config_rule.hpp"
#include "base/files.hpp"
#include "cli/text.hpp"

namespace troupe {
namespace {

constexpr std::int64_t kLargestFile = 1 << 20;  // as base/'s own bound on configurations

std::string_view trimmed(std::string_view line) {
  const auto begin = line.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return "";
  return line.substr(begin, line.find_last_not_of(" \t\r") - begin + 1);
}

Json job_json(const JobConfig& job) {
  return {{"name", job.name}, {"kind", job.kind}, {"priority", job.priority}, {"min_cores", job.min_cores}};
}

void tell_jobs(const std::vector<JobConfig>& jobs, const std::string& file, bool json,
               const Terminal& terminal) {
  if (json) {
    Json list = Json::array();
    for (const auto& job : jobs) list.push_back(job_json(job));
    terminal.out << Json{{"file", file}, {"ok", true}, {"jobs", list}}.dump(2) << "\n";
    return;
  }
  terminal.out << file << ": ok, " << counted(static_cast<long>(jobs.size()), "job") << "\n";
  for (const auto& job : jobs) {
    terminal.out << "  " << job.name << ": kind " << job.kind << ", priority " << job.priority;
    if (job.kind == "gan") {
      terminal.out << ", " << counted(job.gan.generators, "generator") << ", " << job.gan.from << "x"
                   << job.gan.from << " to " << job.gan.to << "x" << job.gan.to;
    }
    terminal.out << "\n";
  }
}

int tell_errors(const Errors& errors, const std::string& file, bool json, const Terminal& terminal) {
  if (!json) return report(terminal, errors);
  Json list = Json::array();
  for (const auto& e : errors) {
    list.push_back(
        {{"where", e.where}, {"what", e.what}, {"given", e.given}, {"allowed", e.allowed}, {"hint", e.hint}});
  }
  terminal.out << Json{{"file", file}, {"ok", false}, {"errors", list}}.dump(2, ' ', false,
                                                                             Json::error_handler_t::replace)
               << "\n";
  return kWrongUse;
}

}  // namespace

bool is_job_file(std::string_view text) {
  bool top_level = true, named = false;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.substr(0, 1) == "[") {
      top_level = false;
      line.remove_prefix(std::min(line.find_first_not_of("[ \t"), line.size()));
      const std::string_view table = line.substr(0, line.find_first_of("]. \t"));
      if (table == "cluster" || table == "node" || table == "job") return false;
      named = named || table == "gan" || table == "data" || table == "options";
    } else if (top_level && line.find('=') != std::string_view::npos) {
      const std::string_view key = trimmed(line.substr(0, line.find('=')));
      if (key == "job" || key == "node" || key.substr(0, 8) == "cluster.") return false;
      named = named || (!line.empty() && line[0] != '#');
    }
  }
  return named;
}

int run_check(const std::string& file, bool json, const Terminal& terminal) {
  const auto text = read_file(file, kLargestFile);
  if (!text) {
    Error error = text.error();
    error.code = ErrorCode::bad_usage;  // the path is what the user wrote
    return tell_errors({error}, file, json, terminal);
  }
  if (is_job_file(*text)) {
    const auto job = parse_job(*text, file);
    if (!job) return tell_errors(job.error(), file, json, terminal);
    tell_jobs({*job}, file, json, terminal);
    return kDone;
  }
  const auto config = parse_config(*text, file);
  if (!config) return tell_errors(config.error(), file, json, terminal);
  tell_jobs(config->jobs, file, json, terminal);
  return kDone;
}

int run_config(const ConfigOptions& options, const Terminal& terminal) {
  if (!options.explain) {
    return report(terminal, Error{ErrorCode::bad_usage, "nothing to do", "troupe config", "",
                                  "--explain [KEY]", "`troupe config --explain job.gan`"});
  }
  if (options.markdown) {
    terminal.out << config_markdown();
    return kDone;
  }
  std::vector<std::string> names;
  Json list = Json::array();
  for (const KeyInfo& key : config_keys()) {
    names.push_back(key.path.substr(key.path.rfind('.') + 1));
    if (key.path.find(options.key) == std::string::npos) continue;
    list.push_back({{"key", key.path},
                    {"type", key.type},
                    {"default", key.fallback},
                    {"range", key.range},
                    {"unit", key.unit},
                    {"text", key.text}});
  }
  if (list.empty()) {
    const std::string near = schema::nearest(options.key.substr(options.key.rfind('.') + 1), names);
    return report(
        terminal,
        Error{ErrorCode::bad_usage, "no such key", "troupe config --explain", options.key, "",
              near.empty() ? "`troupe config --explain` lists them all" : "Did you mean `" + near + "`?"});
  }
  terminal.out << (options.json ? list.dump(2) + "\n" : explain_keys(options.key));
  return kDone;
}

int run_version(bool json, const Services& services, const Terminal& terminal) {
  if (json) {
    Json object = Json::object();
    for (const auto& [name, version] : services.versions) object[name] = version;
    terminal.out << object.dump(2) << "\n";
    return kDone;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, version] : services.versions) rows.push_back({name, version});
  terminal.out << table(rows);
  return kDone;
}

}  // namespace troupe
