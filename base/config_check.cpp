#include "base/config_check.hpp"

#include <fmt/format.h>

#include <bit>

#include "base/config_schema.hpp"

namespace troupe::schema {
namespace {

class JobRules {
 public:
  JobRules(const JobConfig& job, const Places& places, Errors& errors)
      : job_(job), places_(places), errors_(errors) {}

  void cores() {
    if (!places_.usable({"max_cores", "gan.shards", "kind"})) return;
    if (places_.usable({"gpu"}) && job_.gpu == GpuUse::require) return pieces();
    const bool gan = job_.kind == kGan;
    if (gan && job_.max_cores > job_.gan.shards) {
      complain("max_cores", "`max_cores` is more than the job has shards", *job_.max_cores,
               fmt::format("at most {}", job_.gan.shards), "A shard runs on one core");
      return;
    }
    if (!gan && !job_.max_cores) return;
    const int most = job_.max_cores.value_or(job_.gan.shards);
    const std::string bound = job_.max_cores ? "`max_cores`" : "the number of shards";
    if (places_.usable({"min_cores"}) && job_.min_cores > most) {
      complain("min_cores", "`min_cores` is more than " + bound, job_.min_cores,
               fmt::format("at most {}", most), "");
    }
    if (places_.usable({"slices"}) && job_.slices > most) {
      complain("slices", "`slices` is more than " + bound, job_.slices, fmt::format("at most {}", most),
               "A slice has at least one core");
    }
  }

  void resolutions() {
    if (!places_.usable({"gan.from", "gan.to"})) return;
    const auto& gan = job_.gan;
    if (gan.from > gan.to) {
      complain("gan.to", "`to` is below `from`", gan.to, fmt::format("at least {}", gan.from), "");
      return;
    }
    const auto phases = std::countr_zero(static_cast<unsigned>(gan.to)) -
                        std::countr_zero(static_cast<unsigned>(gan.from)) + 1;
    if (places_.usable({"gan.images"}) && gan.images.size() > static_cast<std::size_t>(phases)) {
      complain("gan.images", "`images` has more entries than there are phases", gan.images.size(),
               fmt::format("at most {} from {} to {}", phases, gan.from, gan.to), "");
    }
  }

  void shards() {
    const auto& gan = job_.gan;
    if (!places_.usable({"gan.shards", "gan.generators"}) || gan.shards % gan.generators == 0) return;
    complain("gan.shards", "`shards` is no multiple of `generators`", gan.shards,
             fmt::format("multiples of {}", gan.generators),
             "Shard s is served by generator s mod generators");
  }

  void precision() {
    if (!places_.usable({"precision", "gpu"}) || job_.precision == Precision::float32 ||
        job_.gpu == GpuUse::require)
      return;
    complain("precision", "only a GPU computes in bfloat16", toml_string("bfloat16"),
             "\"float32\", or gpu = \"require\"", "");
  }

  void kind() {
    if (!places_.usable({"kind"}) || job_.kind != kGan) return;
    if (!job_.options.empty()) {
      complain("options", "`options` is for kinds other than \"gan\"", "", "",
               "The keys of a GAN stand in `gan`");
    }
    if (!job_.plugin.empty()) {
      complain("plugin", "`plugin` brings a kind of its own, but `kind` is \"gan\"", "", "",
               "Give `kind` the name that the plugin registers");
    }
  }

 private:
  /// On a GPU shards bound nothing.
  void pieces() {
    if (places_.usable({"min_cores"}) && job_.max_cores && job_.min_cores > *job_.max_cores)
      complain("min_cores", "`min_cores` is more than `max_cores`", job_.min_cores,
               fmt::format("at most {}", *job_.max_cores), "");
    if (places_.usable({"slices"}) && job_.slices > 1)
      complain("slices", "a job on a GPU has one slice", job_.slices, "1", "Leave `slices` out");
  }

  template <class Given>
  void complain(const std::string& key, std::string what, const Given& given, std::string allowed,
                std::string hint) {
    Error e = config_error(places_.where(key), std::move(what));
    e.given = fmt::format("{}", given);
    e.allowed = std::move(allowed);
    e.hint = std::move(hint);
    errors_.push_back(std::move(e));
  }

  const JobConfig& job_;
  const Places& places_;
  Errors& errors_;
};

template <class Owner>
void validate_fields(const Owner& owner, const std::vector<Field<Owner>>& fields, const std::string& prefix,
                     Places& places, Errors& errors) {
  for (const auto& field : fields) {
    const Value value = field.get(owner);
    auto complaint = check(field.rule, value);
    if (!complaint && field.rule.required && std::holds_alternative<Nothing>(value))
      complaint = {"is missing", ""};
    if (!complaint) continue;
    places.failed.insert(prefix + field.key);
    Error e = config_error(places.otherwise, fmt::format("`{}{}` {}", prefix, field.key, complaint->text));
    e.given = literal(value);
    e.allowed = complaint->allowed;
    errors.push_back(std::move(e));
  }
}

}  // namespace

std::string Places::where(const std::string& key) const {
  const auto found = at.find(key);
  return found == at.end() ? otherwise : found->second;
}

bool Places::usable(std::initializer_list<const char*> keys) const {
  for (const char* key : keys) {
    if (failed.contains(key)) return false;
  }
  return true;
}

Error config_error(std::string where, std::string what) {
  Error e;
  e.code = ErrorCode::bad_config;
  e.where = std::move(where);
  e.what = std::move(what);
  return e;
}

void check_job(const JobConfig& job, const Places& places, Errors& errors) {
  JobRules rules(job, places, errors);
  rules.kind();
  rules.precision();
  rules.cores();
  if (!places.usable({"kind"}) || job.kind != kGan) return;
  rules.resolutions();
  rules.shards();
}

namespace {

/// What one user may have is too little for the job.
void check_quota(const JobConfig& job, const ClusterConfig& cluster, const Places& places, Errors& errors) {
  if (cluster.user_cores && places.usable({"min_cores"}) && job.min_cores > *cluster.user_cores) {
    Error e = config_error(places.where("min_cores"), "`min_cores` is more than one user may have");
    e.given = std::to_string(job.min_cores);
    e.allowed = fmt::format("at most {}", *cluster.user_cores);
    e.hint = "The quota is `cluster.user_cores`";
    errors.push_back(std::move(e));
  }
  if (cluster.user_memory && places.usable({"memory"}) && job.memory > *cluster.user_memory) {
    Error e = config_error(places.where("memory"), "`memory` is more than one user may have");
    e.given = to_string(*job.memory);
    e.allowed = "at most " + to_string(*cluster.user_memory);
    e.hint = "The quota is `cluster.user_memory`";
    errors.push_back(std::move(e));
  }
}

}  // namespace

void check_quotas(const Config& config, const Places& places, Errors& errors) {
  const auto& cluster = config.cluster;
  if (!cluster.keys.empty() || cluster.unencrypted) return;  // nodes may join: who knows how large it gets
  const auto refuse = [&](const char* key, std::string given, const std::string& allowed) {
    Error e = config_error(places.where(key), fmt::format("`{}` is more than there is", key));
    e.given = std::move(given);
    e.allowed = "at most " + allowed;
    e.hint = "A quota over what there is bounds nobody; leave it out if that is meant";
    errors.push_back(std::move(e));
  };
  std::int64_t cores = 0;
  Bytes memory;
  bool cores_known = true, memory_known = true;
  for (const auto& node : config.nodes) {
    cores_known = cores_known && node.cores;
    memory_known = memory_known && node.memory;
    cores += node.cores.value_or(0);
    memory += node.memory.value_or(Bytes{});
  }
  if (cores_known && cluster.user_cores && *cluster.user_cores > cores)
    refuse("user_cores", std::to_string(*cluster.user_cores), std::to_string(cores));
  if (memory_known && cluster.user_memory && *cluster.user_memory > memory)
    refuse("user_memory", to_string(*cluster.user_memory), to_string(memory));
}

void check_fit(const JobConfig& job, const ClusterConfig& cluster, const Places& places, Errors& errors) {
  check_quota(job, cluster, places, errors);
  if (!places.usable({"reduction"}) || job.reduction == SumOrder::exact || cluster.keys.empty() ||
      cluster.unencrypted)
    return;
  Error e = config_error(places.where("reduction"),
                         "`reduction` asks for sums over plain TCP, but the cluster has `keys`");
  e.given = toml_string("fast");
  e.allowed = "\"exact\", or, in a network that you trust, a cluster with `unencrypted = true`";
  e.hint = "Gloo, which makes the fast sums, does not encrypt";
  errors.push_back(std::move(e));
}

void check_cluster(const ClusterConfig& cluster, const Places& places, Errors& errors) {
  if (places.usable({"port", "metrics_port"}) && cluster.port != 0 && cluster.port == cluster.metrics_port) {
    Error e = config_error(places.where("metrics_port"), "`metrics_port` and `port` are the same");
    e.given = std::to_string(cluster.metrics_port);
    e.allowed = "two ports, 0 (any free one) or -1 (no metrics)";
    errors.push_back(std::move(e));
  }
  if (places.usable({"listen", "keys"}) && cluster.keys.empty() && !is_loopback(cluster.listen)) {
    Error e = config_error(places.where("listen"),
                           "`listen` lets other machines in, but the cluster has no `keys`");
    e.given = toml_string(cluster.listen);
    e.allowed = "without `keys`: \"127.0.0.1\" or \"::1\"";
    e.hint = "Make keys by `troupe keys init DIR` and name their folder: keys = \"DIR\"";
    errors.push_back(std::move(e));
  }
}

}  // namespace troupe::schema

namespace troupe {

Result<void> fits(const JobConfig& job, const ClusterConfig& cluster) {
  Errors errors;
  schema::Places places;
  places.otherwise = "job " + schema::shown(job.name);
  schema::check_fit(job, cluster, places, errors);
  if (errors.empty()) return {};
  return fail(std::move(errors.front()));
}

Errors validate(const JobConfig& job) {
  using namespace schema;
  Errors errors;
  Places places;
  places.otherwise = "job " + shown(job.name);
  validate_fields(job, job_fields(), "", places, errors);
  if (job.kind == kGan || !job.data.path.empty())
    validate_fields(job.data, data_fields(), "data.", places, errors);
  if (job.kind == kGan) validate_fields(job.gan, gan_fields(), "gan.", places, errors);
  check_job(job, places, errors);
  return errors;
}

}  // namespace troupe
