#include "base/config_schema.hpp"

namespace troupe::schema {
namespace {

Value to_value(int v) { return std::int64_t{v}; }
Value to_value(std::int64_t v) { return v; }
Value to_value(double v) { return v; }
Value to_value(bool v) { return v; }
Value to_value(Bytes v) { return v; }
Value to_value(const std::string& v) { return v; }
Value to_value(const std::filesystem::path& v) { return v.empty() ? Value(Nothing{}) : Value(v.string()); }
Value to_value(const std::vector<std::string>& v) { return v; }
Value to_value(const std::vector<std::int64_t>& v) { return v; }
Value to_value(DataKind v) {
  return std::string(v == DataKind::nifti ? "nifti" : v == DataKind::images ? "images" : "auto");
}
Value to_value(GpuUse v) {
  return std::string(v == GpuUse::require ? "require" : v == GpuUse::automatic ? "auto" : "none");
}
Value to_value(Precision v) { return std::string(v == Precision::bfloat16 ? "bfloat16" : "float32"); }
Value to_value(SumOrder v) { return std::string(v == SumOrder::fast ? "fast" : "exact"); }
Value to_value(JobOrder v) { return std::string(v == JobOrder::shortest ? "shortest" : "submission"); }
template <class T>
Value to_value(const std::optional<T>& v) {
  return v ? to_value(*v) : Value(Nothing{});
}

template <class T>
void from_value(const Value& value, T& out) {
  out = std::get<T>(value);
}
void from_value(const Value& value, int& out) { out = static_cast<int>(std::get<std::int64_t>(value)); }
void from_value(const Value& value, std::filesystem::path& out) {
  const auto* text = std::get_if<std::string>(&value);
  out = text == nullptr ? std::filesystem::path() : std::filesystem::path(*text);
}
void from_value(const Value& value, DataKind& out) {
  const auto& word = std::get<std::string>(value);
  out = word == "nifti" ? DataKind::nifti : word == "images" ? DataKind::images : DataKind::automatic;
}
void from_value(const Value& value, GpuUse& out) {
  const auto& word = std::get<std::string>(value);
  out = word == "require" ? GpuUse::require : word == "auto" ? GpuUse::automatic : GpuUse::none;
}
void from_value(const Value& value, Precision& out) {
  out = std::get<std::string>(value) == "bfloat16" ? Precision::bfloat16 : Precision::float32;
}
void from_value(const Value& value, SumOrder& out) {
  out = std::get<std::string>(value) == "fast" ? SumOrder::fast : SumOrder::exact;
}
void from_value(const Value& value, JobOrder& out) {
  out = std::get<std::string>(value) == "shortest" ? JobOrder::shortest : JobOrder::submission;
}
template <class T>
void from_value(const Value& value, std::optional<T>& out) {
  if (std::holds_alternative<Nothing>(value)) {
    out.reset();
    return;
  }
  from_value(value, out.emplace());
}

template <class Member>
struct OwnerOf;
template <class Owner, class T>
struct OwnerOf<T Owner::*> {
  using type = Owner;
};

struct About {
  const char* unit;
  const char* text;
  bool decides_bits = false;
  bool came_later = false;
};

template <auto member>
auto field(const char* key, Rule rule, About about) {
  using Owner = typename OwnerOf<decltype(member)>::type;
  return Field<Owner>{key,
                      std::move(rule),
                      about.unit,
                      about.text,
                      about.decides_bits,
                      about.came_later,
                      [](const Owner& owner) { return to_value(owner.*member); },
                      [](Owner& owner, const Value& value) { from_value(value, owner.*member); }};
}

Rule whole(std::int64_t least, std::int64_t most) {
  return {.type = Type::integer, .least = least, .most = most};
}
Rule whole_or_auto(std::int64_t least, std::int64_t most) {
  return {.type = Type::integer, .least = least, .most = most, .nothing = "auto"};
}
Rule number(double low, double high) { return {.type = Type::number, .low = low, .high = high}; }
Rule number_below(double low, double high) {
  return {.type = Type::number, .low = low, .high = high, .below_high = true};
}
Rule number_above(double low, double high) {
  return {.type = Type::number, .low = low, .high = high, .above_low = true};
}
Rule size_or_auto() {
  return {.type = Type::bytes, .least = mib(1).count, .most = gib(1 << 20).count, .nothing = "auto"};
}
Rule path() { return {.type = Type::path}; }
Rule resolved_path() { return {.type = Type::path, .resolved = true}; }
Rule resolution() { return {.type = Type::integer, .least = 4, .most = 1024, .power_of_two = true}; }
Rule number_above_or_auto(double low, double high) {
  return {.type = Type::number, .low = low, .high = high, .above_low = true, .nothing = "auto"};
}
Rule text_or_auto() { return {.type = Type::text, .nothing = "auto"}; }
Rule name(bool required) { return {.type = Type::text, .shape = Shape::name, .required = required}; }

constexpr std::int64_t most_cores =
    4096;  // above any machine there is; the real bound is the node's own count
constexpr std::int64_t most_cluster_cores = 1'000'000;

}  // namespace

const std::vector<Field<ClusterConfig>>& cluster_fields() {
  static const std::vector<Field<ClusterConfig>> fields = {
      field<&ClusterConfig::name>("name", name(false), {"", "the cluster's name in metrics and the journal"}),
      field<&ClusterConfig::port>("port", whole(0, 65535),
                                  {"",
                                   "control port, by which commands reach a running cluster; 0: any "
                                   "free one"}),
      field<&ClusterConfig::listen>(
          "listen", {.type = Type::text, .shape = Shape::address},
          {"", "address that the control port is bound to; other than loopback needs `keys`"}),
      field<&ClusterConfig::keys>(
          "keys", resolved_path(),
          {"",
           "folder of the cluster's keys, made by `troupe keys init`; with it the control port speaks TLS "
           "and "
           "lets in holders of its keys alone; a relative path is taken from the file's folder"}),
      field<&ClusterConfig::unencrypted>(
          "unencrypted", {.type = Type::flag},
          {"",
           "without `keys`: nodes of this machine may join, and exchange tensors "
           "without encryption, over loopback alone. With `keys`: jobs may ask "
           "for reduction = \"fast\", whose sums cross the network "
           "unencrypted; all else is encrypted as ever"}),
      field<&ClusterConfig::metrics_port>(
          "metrics_port", whole(-1, 65535),
          {"", "port on loopback that Prometheus scrapes; 0: any free one; -1: none"}),
      field<&ClusterConfig::runs>(
          "runs", path(), {"", "folder of run folders; a relative one is taken from the working directory"}),
      field<&ClusterConfig::failure_timeout_seconds>(
          "failure_timeout_seconds", number(0.1, 86400),
          {"seconds",
           "what is silent for longer counts as dead. All other times follow: a node is asked for a sign of "
           "life every eighth of it, one that hears no head begins no step after a half, a process is given "
           "up by its peers after 0.7, a node is lost after 1, a head that was started again goes on without "
           "the copies of nodes that did not come back after 1.5, a rank that lives but does not come to a "
           "sum is given up after 2"}),
      field<&ClusterConfig::patience_seconds>(
          "patience_seconds", number(1, 1e9),
          {"seconds",
           "a job that has waited for so long in all is due: until its end it goes before all priorities, "
           "in the order of submission with others that are, on up to half of the cores"}),
      field<&ClusterConfig::order>(
          "order", {.type = Type::text, .choices = {"submission", "shortest"}},
          {"",
           "which of a user's jobs of one priority comes first: \"submission\": the earlier one; "
           "\"shortest\": the one that is predicted to end first, for which longer ones give way and are "
           "parked, and which gets at once all cores that its kind was seen to lose next to nothing by; "
           "whose end nobody can tell comes after those. Users take turns, and `patience_seconds` holds, as "
           "ever"}),
      field<&ClusterConfig::user_cores>(
          "user_cores", whole_or_auto(1, most_cluster_cores),
          {"cores", "at most so many for the jobs of one user together; \"auto\": no quota"}),
      field<&ClusterConfig::user_memory>(
          "user_memory", size_or_auto(),
          {"bytes", "at most so much for the running jobs of one user together; \"auto\": no quota"}),
  };
  return fields;
}

const std::vector<Field<NodeConfig>>& node_fields() {
  static const std::vector<Field<NodeConfig>> fields = {
      field<&NodeConfig::name>("name", name(false), {"", "the node's name; no two nodes share one"}),
      field<&NodeConfig::cores>("cores", whole_or_auto(1, most_cores),
                                {"cores", "CPU cores to hand out; \"auto\": all that the process may use"}),
      field<&NodeConfig::memory>("memory", size_or_auto(),
                                 {"bytes", "memory to hand out; \"auto\": 80 % of what the process may use"}),
      field<&NodeConfig::oversubscribe>("oversubscribe", {.type = Type::flag},
                                        {"", "allow more cores than there are; slow, meant for tests"}),
      field<&NodeConfig::address>(
          "address", {.type = Type::text, .shape = Shape::address},
          {"",
           "the machine's address, at which other nodes exchange tensors with it; other than loopback "
           "needs `cluster.keys`"}),
      field<&NodeConfig::data_port>("data_port", whole(0, 65535),
                                    {"", "port of that exchange; 0: any free one"}),
      field<&NodeConfig::gpu>(
          "gpu", {.type = Type::text, .choices = {"none", "auto", "require"}},
          {"",
           "whether the node offers its GPUs; \"auto\": those that are there; \"require\": without one it "
           "does not start. Jobs say for themselves whether they want one"}),
  };
  return fields;
}

const std::vector<Field<UserConfig>>& user_fields() {
  static const std::vector<Field<UserConfig>> fields = {
      field<&UserConfig::name>("name", {.type = Type::text, .required = true},
                               {"", "as jobs name it, or as the account is called; no two share one"}),
      field<&UserConfig::weight>(
          "weight", {.type = Type::number, .low = 0.001, .high = 1000},
          {"", "where users compete within one priority, each gets cores in proportion to this"}),
  };
  return fields;
}

const std::vector<Field<JobConfig>>& job_fields() {
  static const std::vector<Field<JobConfig>> fields = {
      field<&JobConfig::name>("name", name(true),
                              {"", "the job's name, and its folder's; no two jobs share one"}),
      field<&JobConfig::kind>("kind", {.type = Type::text, .shape = Shape::kind},
                              {"", "\"gan\", another built-in kind, or one that `plugin` registers", true}),
      field<&JobConfig::plugin>(
          "plugin", resolved_path(),
          {"",
           "shared library with a job kind of your own; a relative path is taken from the "
           "file's folder"}),
      field<&JobConfig::user>(
          "user", text_or_auto(),
          {"", "whose it is, for quotas and fair shares; \"auto\": the account that submits it"}),
      field<&JobConfig::priority>("priority", whole(-1000, 1000), {"", "the higher is served first"}),
      field<&JobConfig::deadline_seconds>("deadline_seconds", number_above_or_auto(0, 1e9),
                                          {"seconds",
                                           "after its submission, when it shall be done: within its "
                                           "priority, jobs with deadlines come first, "
                                           "the earliest before; `troupe jobs` tells when it can't be met"}),
      field<&JobConfig::min_cores>("min_cores", whole(1, most_cores),
                                   {"cores", "the job waits until it can have this many"}),
      field<&JobConfig::max_cores>("max_cores", whole_or_auto(1, most_cores),
                                   {"cores", "never more than this; \"auto\": as many as it has shards"}),
      field<&JobConfig::slices>("slices", whole(1, 256), {"", "over how many slices the cores are spread"}),
      field<&JobConfig::memory>("memory", size_or_auto(),
                                {"bytes", "a wall that the job never passes; \"auto\": measured and grown"}),
      field<&JobConfig::target_step_seconds>("target_step_seconds", number_above(0, 3600),
                                             {"seconds", "the job asks for enough cores to step this fast"}),
      field<&JobConfig::seed>("seed", whole(0, std::numeric_limits<std::int64_t>::max()),
                              {"", "seed of every random draw; the same seed gives the same bits", true}),
      field<&JobConfig::gpu>(
          "gpu", {.type = Type::text, .choices = {"none", "auto", "require"}},
          {"",
           "whether it runs on a slice of a GPU: \"auto\": if a node offers one when the job is submitted; "
           "\"require\": it is refused where none does. It stays with GPUs of that model. Its cores are then "
           "pieces "
           "of SMs (8 on an H100), \"auto\" for all of them, its memory is the GPU's, and it has one slice. "
           "A GPU has other bits than a CPU",
           true, true}),
      field<&JobConfig::precision>("precision", {.type = Type::text, .choices = {"float32", "bfloat16"}},
                                   {"",
                                    "what a GPU computes features and products in. With \"bfloat16\" "
                                    "parameters, optimiser, norms, sums "
                                    "over channels and losses stay float32; it wants gpu = \"require\"",
                                    true, true}),
      field<&JobConfig::reduction>(
          "reduction", {.type = Type::text, .choices = {"exact", "fast"}},
          {"",
           "how gradients are summed over the nodes of a job: \"exact\": in one fixed order, to the bits of "
           "one "
           "process; \"fast\": by Gloo's ring where that is faster (from 1 MiB on), whose rounding depends "
           "on the nodes. A job on one node has "
           "the "
           "exact bits either way. Gloo does not encrypt: in a cluster with `keys`, \"fast\" wants "
           "`cluster.unencrypted = true`",
           true, true}),
      field<&JobConfig::overlap>(
          "overlap", {.type = Type::flag},
          {"",
           "exact sums over the nodes of a job begin while the last gradients are still being computed; "
           "the bits are the same either way"}),
      field<&JobConfig::checkpoint_seconds>(
          "checkpoint_seconds", number(0, 604800),
          {"seconds", "time between checkpoints; 0: at the end of phases only"}),
      field<&JobConfig::checkpoint_keep>("checkpoint_keep", whole(1, 100),
                                         {"", "how many checkpoints are kept"}),
      field<&JobConfig::samples>("samples", whole(0, 100000),
                                 {"images", "written by each generator at the end"}),
  };
  return fields;
}

const std::vector<Field<DataConfig>>& data_fields() {
  static const std::vector<Field<DataConfig>> fields = {
      field<&DataConfig::path>(
          "path", {.type = Type::path, .required = true, .resolved = true},
          {"", "a folder or a file; a relative path is taken from the file's folder", true}),
      field<&DataConfig::files>("files", {.type = Type::texts, .shape = Shape::inner_path},
                                {"", "names inside `path`; none: every readable file", true}),
      field<&DataConfig::kind>("kind", {.type = Type::text, .choices = {"auto", "nifti", "images"}},
                               {"", "what the files are; \"auto\": told by their names", true}),
      field<&DataConfig::axes>(
          "axes", {.type = Type::texts, .choices = {"axial", "coronal", "sagittal"}, .min_items = 1},
          {"", "the directions in which volumes are cut into slices", true}),
      field<&DataConfig::min_content>(
          "min_content", number_below(0, 1),
          {"ratio", "a slice with a smaller share of non-background is dropped", true}),
      field<&DataConfig::holdout>("holdout", number(0, 0.9),
                                  {"ratio", "share kept from training, in contiguous blocks", true}),
      field<&DataConfig::holdout_path>(
          "holdout_path", resolved_path(),
          {"", "a folder of held-out data of its own, instead of a share", true}),
      field<&DataConfig::cache>("cache", path(),
                                {"", "folder of resolution pyramids; none: .pyramids under `runs`"}),
      field<&DataConfig::cache_keep>(
          "cache_keep", whole(1, 1'000'000),
          {"",
           "pyramids in that folder at most: who builds another removes those unused for the longest time"}),
  };
  return fields;
}

const std::vector<Field<GanConfig>>& gan_fields() {
  static const std::vector<Field<GanConfig>> fields = {
      field<&GanConfig::generators>("generators", whole(1, 64),
                                    {"", "generators against the one critic", true}),
      field<&GanConfig::latent>("latent", whole(1, 4096), {"", "length of the latent vector", true}),
      field<&GanConfig::fmap_base>("fmap_base", whole(1, 65536),
                                   {"", "feature maps: nf(s) = min(fmap_base / 2^s, fmap_max)", true}),
      field<&GanConfig::fmap_max>("fmap_max", whole(1, 4096), {"", "most feature maps of a layer", true}),
      field<&GanConfig::from>("from", resolution(), {"pixels", "resolution of the first phase", true}),
      field<&GanConfig::to>("to", resolution(),
                            {"pixels", "resolution of the last phase, at least `from`", true}),
      field<&GanConfig::shards>("shards", whole(1, 256),
                                {"", "fixed pieces of the global batch; a multiple of `generators`", true}),
      field<&GanConfig::shard_batch>(
          "shard_batch", whole(1, 1024),
          {"images", "images of a shard, which is the group of the deviation", true}),
      field<&GanConfig::images>(
          "images", {.type = Type::integers, .least = 1, .most = 1'000'000'000'000, .min_items = 1},
          {"images", "images shown in each phase; a shorter list repeats its last entry", true}),
      field<&GanConfig::fade>("fade", number(0, 1),
                              {"ratio", "share of a phase over which its new layers are faded in", true}),
      field<&GanConfig::learning_rate>("learning_rate", number_above(0, 1), {"", "step size of Adam", true}),
      field<&GanConfig::beta2>("beta2", number_below(0, 1),
                               {"", "decay of Adam's second moment; the first has none", true}),
      field<&GanConfig::average>("average", number_below(0, 1),
                                 {"", "decay a step of the moving average that samples are made with", true}),
      field<&GanConfig::gradient_penalty>("gradient_penalty", number(0, 1e6),
                                          {"", "weight of the critic's gradient penalty", true}),
      field<&GanConfig::drift>("drift", number(0, 1000), {"", "weight of the critic's drift term", true}),
      field<&GanConfig::diversity>(
          "diversity", number(0, 1000),
          {"", "weight of the head that guesses which generator made an image", true}),
  };
  return fields;
}

}  // namespace troupe::schema
