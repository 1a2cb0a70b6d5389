#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <functional>

#include "base/config_check.hpp"
#include "base/config_guard.hpp"
#include "base/config_schema.hpp"
#include "base/config_toml.hpp"
#include "base/config_words.hpp"
#include "base/files.hpp"

namespace troupe {
namespace {

using namespace schema;
namespace fs = std::filesystem;

constexpr std::size_t most_errors = 100;  // more help nobody

// One reading of one file: walks the tables, collects every error with its place.
class Reader {
 public:
  explicit Reader(const fs::path& file) : file_(file), folder_(folder_of(file)) {}

  Checked<Config> cluster_file(std::string_view text) {
    Config config;
    config.file = file_;
    read(text, [&](const toml::table& root) { cluster_root(root, config); });
    if (errors_.empty()) return config;
    return tl::unexpected<Errors>(finished());
  }

  Checked<JobConfig> job_file(std::string_view text) {
    JobConfig config;
    read(text, [&](const toml::table& root) {
      words_.nested = false;
      job(root, root, config);
    });
    if (errors_.empty()) return config;
    return tl::unexpected<Errors>(finished());
  }

 private:
  static fs::path folder_of(const fs::path& file) {
    std::error_code failed;
    const fs::path folder = file.parent_path().empty() ? fs::path(".") : file.parent_path();
    const fs::path whole = fs::absolute(folder, failed);
    return failed ? folder : whole;
  }

  void read(std::string_view text, const std::function<void(const toml::table&)>& walk) {
    if (auto bad = guard_text(text, file_.string())) {
      errors_.push_back(std::move(*bad));
      return;
    }
    auto root = parse_toml(text, file_.string());
    if (!root) {
      errors_.push_back(std::move(root.error()));
      return;
    }
    walk(*root);
  }

  void cluster_root(const toml::table& root, Config& config) {
    Places cluster_places;
    unknown_keys(root, {"cluster", "node", "user", "job"}, "");
    if (const auto* table = table_of(root, "cluster", "[cluster]")) {
      Places places = places_of(*table);
      unknown_keys(*table, keys_of(cluster_fields()), "cluster");
      fields(*table, cluster_fields(), "", config.cluster, places);
      check_cluster(config.cluster, places, errors_);
      cluster_places = std::move(places);
    }
    const auto nodes = tables_of(root, "node", "[[node]]");
    if (!nodes.empty()) config.nodes.clear();
    std::map<std::string, std::string> node_names, user_names, job_names;
    for (const toml::table* table : nodes) {
      NodeConfig& node = config.nodes.emplace_back();
      Places places = places_of(*table);
      unknown_keys(*table, keys_of(node_fields()), "node");
      fields(*table, node_fields(), "", node, places);
      unique(node_names, node.name, "node", places);
      node.places.at = std::move(places.at);
    }
    check_quotas(config, cluster_places, errors_);
    for (const toml::table* table : tables_of(root, "user", "[[user]]")) {
      UserConfig& user = config.users.emplace_back();
      Places places = places_of(*table);
      unknown_keys(*table, keys_of(user_fields()), "user");
      fields(*table, user_fields(), "", user, places);
      unique(user_names, user.name, "user", places);
    }
    for (const toml::table* table : tables_of(root, "job", "[[job]]")) {
      const Places places = job(*table, root, config.jobs.emplace_back());
      check_fit(config.jobs.back(), config.cluster, places, errors_);
      unique(job_names, config.jobs.back().name, "job", places);
    }
  }

  // `root` gives the place of what has none of its own.
  Places job(const toml::table& table, const toml::table& root, JobConfig& config) {
    Places places = places_of(table.source().begin.line > 0 ? table : root);
    auto known = keys_of(job_fields());
    known.insert(known.end(), {"data", "gan", "options"});
    unknown_keys(table, known, "job");
    fields(table, job_fields(), "", config, places);
    const bool kind_known = places.usable({"kind"});
    const bool gan = config.kind == kGan;
    if (const auto* data = table_of(table, "data", words_.title("job.data"))) {
      unknown_keys(*data, keys_of(data_fields()), "job.data");
      fields(*data, data_fields(), "data.", config.data, places);
    } else if (gan && kind_known && !table.contains("data")) {
      errors_.push_back(
          config_error(places.otherwise, fmt::format("`path` is missing in {}", words_.title("job.data"))));
    }
    if (const auto* own = table_of(table, "gan", words_.title("job.gan"))) {
      if (gan || !kind_known) {
        unknown_keys(*own, keys_of(gan_fields()), "job.gan");
        fields(*own, gan_fields(), "gan.", config.gan, places);
      } else {
        Error e = config_error(place(*own),
                               fmt::format("{} is for the kind \"gan\" alone", words_.title("job.gan")));
        e.given = "kind " + shown(config.kind);
        e.hint = fmt::format("The keys of other kinds stand in {}", words_.title("job.options"));
        errors_.push_back(std::move(e));
      }
    }
    if (const auto* free = table_of(table, "options", words_.title("job.options"))) {
      places.at["options"] = place(*free);
      options(*free, config);
    }
    check_job(config, places, errors_);
    return places;
  }

  void options(const toml::table& table, JobConfig& config) {
    for (const auto& [key, node] : table) {
      auto text = option_text(node);
      if (text && !key.str().empty() && key.str().size() <= 100) {
        config.options.emplace(std::string(key.str()), std::move(*text));
        continue;
      }
      Error e = config_error(place(node), fmt::format("option {} can't be used", shown(key.str())));
      e.given = shown_node(node);
      e.allowed = "a name of 1 to 100 bytes; a text, a finite number, true or false";
      errors_.push_back(std::move(e));
    }
  }

  template <class Owner>
  void fields(const toml::table& table, const std::vector<Field<Owner>>& all, const std::string& prefix,
              Owner& owner, Places& places) {
    for (const auto& field : all) {
      const toml::node* node = table.get(field.key);
      if (node == nullptr) {
        if (field.rule.required) missing(table, field.key, prefix, places);
        continue;
      }
      places.at[prefix + field.key] = place(*node);
      Read value = read_value(field.rule, *node);
      if (!value.complaint) value.complaint = check(field.rule, value.value);
      if (!value.complaint) {
        if (field.rule.resolved) resolve(value.value);
        field.set(owner, value.value);
        continue;
      }
      places.failed.insert(prefix + field.key);
      const toml::array* list = node->as_array();
      const int item = value.complaint->item;
      const toml::node* culprit =
          list != nullptr && item >= 0 ? list->get(static_cast<std::size_t>(item)) : node;
      Error e = config_error(place(*culprit), fmt::format("`{}` {}", field.key, value.complaint->text));
      e.given = shown_node(*culprit);
      e.allowed = value.complaint->allowed;
      errors_.push_back(std::move(e));
    }
  }

  void missing(const toml::table& table, const std::string& key, const std::string& prefix, Places& places) {
    places.failed.insert(prefix + key);
    const std::string section =
        prefix.empty() ? words_.title("job") : words_.title("job." + prefix.substr(0, prefix.size() - 1));
    const std::string where = table.source().begin.line > 0 ? place(table) : places.otherwise;
    errors_.push_back(config_error(where, fmt::format("`{}` is missing in {}", key, section)));
  }

  void resolve(Value& value) const {
    auto& text = std::get<std::string>(value);
    text = (folder_ / text).lexically_normal().string();
  }

  void unique(std::map<std::string, std::string>& seen, const std::string& name, const std::string& what,
              const Places& places) {
    if (!places.usable({"name"})) return;
    const auto [first, fresh] = seen.emplace(name, places.where("name"));
    if (fresh) return;
    Error e = config_error(places.where("name"), fmt::format("two {}s are named {}", what, shown(name)));
    e.hint = fmt::format("The first stands at {}; give each a `name` of its own", first->second);
    errors_.push_back(std::move(e));
  }

  template <class Owner>
  static std::vector<std::string> keys_of(const std::vector<Field<Owner>>& all) {
    std::vector<std::string> keys;
    keys.reserve(all.size());
    for (const auto& field : all) keys.push_back(field.key);
    return keys;
  }

  // `section`: "", "cluster", "node", "job", "job.data", "job.gan".
  void unknown_keys(const toml::table& table, const std::vector<std::string>& known,
                    const std::string& section) {
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      const std::string inside =
          section.empty() || (section == "job" && !words_.nested) ? "" : " in " + words_.title(section);
      Error e = config_error(place(key, node), fmt::format("unknown key {}{}", ticked(name), inside));
      e.hint = words_.hint(name, known);
      if (e.hint.empty()) e.allowed = fmt::format("{}", fmt::join(known, ", "));
      errors_.push_back(std::move(e));
      if (errors_.size() > most_errors) return;
    }
  }

  const toml::table* table_of(const toml::table& parent, const char* key, const std::string& written) {
    const toml::node* node = parent.get(key);
    if (node == nullptr || node->is_table()) return node == nullptr ? nullptr : node->as_table();
    Error e = config_error(place(*node), fmt::format("`{}` must be a table", key));
    e.given = shown_node(*node);
    e.allowed = written;
    errors_.push_back(std::move(e));
    return nullptr;
  }

  std::vector<const toml::table*> tables_of(const toml::table& root, const char* key,
                                            const std::string& written) {
    std::vector<const toml::table*> tables;
    const toml::node* node = root.get(key);
    if (node == nullptr) return tables;
    const toml::array* list = node->as_array();
    bool good = list != nullptr && !list->empty();
    for (std::size_t i = 0; good && i < list->size(); ++i) {
      good = (*list)[i].is_table();
      if (good) tables.push_back((*list)[i].as_table());
    }
    if (good) return tables;
    Error e = config_error(place(*node), fmt::format("`{}` must be a list of tables", key));
    e.given = shown_node(*node);
    e.allowed = written;
    errors_.push_back(std::move(e));
    return {};
  }

  Places places_of(const toml::table& table) const {
    Places places;
    places.otherwise = place(table);
    return places;
  }

  std::string place(const toml::source_region& region) const {
    if (region.begin.line == 0) return file_.string();
    return fmt::format("{}:{}:{}", file_.string(), region.begin.line, region.begin.column);
  }
  std::string place(const toml::node& node) const { return place(node.source()); }
  std::string place(const toml::key& key, const toml::node& node) const {
    return place(key.source().begin.line > 0 ? key.source() : node.source());
  }

  Errors finished() {
    sort_by_place(errors_, file_.string());
    if (errors_.size() > most_errors) {
      const std::size_t more = errors_.size() - most_errors;
      errors_.resize(most_errors);
      errors_.push_back(config_error(file_.string(), fmt::format("and {} errors more", more)));
    }
    return std::move(errors_);
  }

  fs::path file_, folder_;
  Words words_;
  Errors errors_;
};

}  // namespace

Checked<Config> parse_config(std::string_view text, const fs::path& file) {
  return Reader(file).cluster_file(text);
}

Checked<JobConfig> parse_job(std::string_view text, const fs::path& file) {
  return Reader(file).job_file(text);
}

Checked<Config> load_config(const fs::path& file) {
  auto text = read_file(file, kMaxConfigBytes);
  if (!text) return tl::unexpected<Errors>(Errors{std::move(text.error())});
  return parse_config(*text, file);
}

Checked<JobConfig> load_job(const fs::path& file) {
  auto text = read_file(file, kMaxConfigBytes);
  if (!text) return tl::unexpected<Errors>(Errors{std::move(text.error())});
  return parse_job(*text, file);
}

}  // namespace troupe
