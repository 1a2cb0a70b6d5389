#include <fmt/format.h>

#include <set>
#include <string_view>

#include "base/config_schema.hpp"
#include "base/hash.hpp"

namespace troupe {
namespace {

using namespace schema;

template <class Owner>
std::string lines(const Owner& owner, const std::vector<Field<Owner>>& fields) {
  std::string out;
  for (const auto& field : fields) {
    std::string value = literal(field.get(owner));
    if (value.empty() && !field.rule.nothing.empty()) value = toml_string(field.rule.nothing);
    if (!value.empty()) out += fmt::format("{} = {}\n", field.key, value);
  }
  return out;
}

std::string option_lines(const JobConfig& job) {
  std::string out;
  for (const auto& [key, value] : job.options)
    out += fmt::format("{} = {}\n", toml_string(key), toml_string(value));
  return out;
}

// The tables below a job; `prefix` is "job." inside a cluster's file.
std::string tables(const JobConfig& job, const std::string& prefix) {
  std::string out;
  if (!job.data.path.empty()) out += fmt::format("\n[{}data]\n{}", prefix, lines(job.data, data_fields()));
  if (job.kind == kGan) {
    out += fmt::format("\n[{}gan]\n{}", prefix, lines(job.gan, gan_fields()));
  } else if (!job.options.empty()) {
    out += fmt::format("\n[{}options]\n{}", prefix, option_lines(job));
  }
  return out;
}

template <class Owner>
std::string deciding(const Owner& owner, const std::vector<Field<Owner>>& fields, const std::string& prefix,
                     const std::set<std::string_view>& but = {}) {
  std::string out;
  const Owner defaults;
  for (const auto& field : fields) {
    if (!field.decides_bits || but.contains(field.key)) continue;
    if (field.came_later && field.get(owner) == field.get(defaults)) continue;
    out += fmt::format("{}{} = {}\n", prefix, field.key, literal(field.get(owner)));
  }
  return out;
}

}  // namespace

std::string to_toml(const JobConfig& job) { return lines(job, job_fields()) + tables(job, ""); }

std::string to_toml(const Config& config) {
  std::string out = "[cluster]\n" + lines(config.cluster, cluster_fields());
  for (const auto& node : config.nodes) out += "\n[[node]]\n" + lines(node, node_fields());
  for (const auto& user : config.users) out += "\n[[user]]\n" + lines(user, user_fields());
  for (const auto& job : config.jobs) out += "\n[[job]]\n" + lines(job, job_fields()) + tables(job, "job.");
  return out;
}

std::string hash_relevant(const JobConfig& job, std::uint64_t data) {
  std::string out = deciding(job, job_fields(), "");
  if (data != 0) {
    out += fmt::format("data = {}\n", hex(data)) +
           deciding(job.data, data_fields(), "data.", {"path", "holdout_path"});
  } else if (!job.data.path.empty()) {
    out += deciding(job.data, data_fields(), "data.");
  }
  if (job.kind == kGan) return out + deciding(job.gan, gan_fields(), "gan.");
  for (const auto& [key, value] : job.options)
    out += fmt::format("options.{} = {}\n", toml_string(key), toml_string(value));
  return out;
}

std::uint64_t config_hash(const JobConfig& job, std::uint64_t data) {
  const std::string deciding = hash_relevant(job, data);
  return hash_bytes(deciding.data(), deciding.size());
}

bool is_hash_of(std::uint64_t hash, const JobConfig& job, std::uint64_t data) {
  return hash == config_hash(job, data) || hash == config_hash(job);
}

}  // namespace troupe
