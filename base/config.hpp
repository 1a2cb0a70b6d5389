#pragma once
// What a user may write in cluster.toml and job files, after validation. The one schema (config_schema.cpp)
// binds every member to its key, default, range, unit and explanation; docs/config.md is checked against it.
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/units.hpp"

namespace troupe {

enum class JobOrder { submission, shortest };
struct ClusterConfig {  // [cluster]
  std::string name = "troupe";
  int port = 4470;                        // control port; 0: any free one
  std::string listen = "127.0.0.1";       // address that the control port is bound to
  std::filesystem::path keys;             // folder of the cluster's keys; empty: none, and loopback alone
  bool unencrypted = false;               // without keys, let nodes of this machine in
  int metrics_port = 9470;                // Prometheus on loopback; 0: any free one; -1: none
  std::filesystem::path runs = "runs";    // where run folders go
  double failure_timeout_seconds = 30;    // a rank or actor silent for longer is dead
  double patience_seconds = 172'800;      // of waiting in all, after which a job goes before all priorities
  JobOrder order = JobOrder::submission;  // of one user's jobs of one priority, without deadlines
  std::optional<int> user_cores;          // at most, over all jobs of a user; nothing: no quota
  std::optional<Bytes> user_memory;       // the same
  friend bool operator==(const ClusterConfig&, const ClusterConfig&) = default;
};

/// Where the keys of a table stand in its file, for errors that are found after it was read. No part of what
/// is configured: any two are equal.
struct KeyPlaces {
  std::map<std::string, std::string> at;  // by key: "file:line:column"
  friend bool operator==(const KeyPlaces&, const KeyPlaces&) { return true; }
};

enum class GpuUse { none, automatic, require };
/// What a GPU computes features and products in; all else is float32.
enum class Precision { float32, bfloat16 };
struct NodeConfig {  // [[node]]
  std::string name = "local";
  std::optional<int> cores;           // nothing ("auto"): all that the process may use
  std::optional<Bytes> memory;        // nothing ("auto"): 80 % of what the process may use
  bool oversubscribe = false;         // allow more cores than there are (tests of many slices)
  std::string address = "127.0.0.1";  // by which the other nodes' data planes reach this one's
  int data_port = 0;                  // of the data plane; 0: any free one
  GpuUse gpu = GpuUse::none;          // whether it offers its GPUs
  KeyPlaces places;
  friend bool operator==(const NodeConfig&, const NodeConfig&) = default;
};

struct UserConfig {  // [[user]]
  std::string name;
  double weight = 1;  // of what is short, within one priority
  friend bool operator==(const UserConfig&, const UserConfig&) = default;
};

enum class DataKind { automatic, nifti, images };
struct DataConfig {                // [job.data]
  std::filesystem::path path;      // a folder or a file
  std::vector<std::string> files;  // names inside `path`; empty: every readable file
  DataKind kind = DataKind::automatic;
  std::vector<std::string> axes = {"axial", "coronal", "sagittal"};  // how volumes are sliced
  double min_content = 0.15;  // a slice with a smaller share of non-background is dropped
  double holdout = 0.1;       // share kept from training, in contiguous blocks
  std::optional<std::filesystem::path> holdout_path;  // a folder of its own instead
  std::filesystem::path cache;                        // where pyramids are kept; empty: <runs>/.pyramids
  int cache_keep = 32;                                // pyramids there at most, but for those in use
  friend bool operator==(const DataConfig&, const DataConfig&) = default;
};

struct GanConfig {  // [job.gan]
  int generators = 4;
  int latent = 64;       // length of the latent vector
  int fmap_base = 1024;  // nf(s) = min(fmap_base / 2^s, fmap_max)
  int fmap_max = 48;
  int from = 4, to = 64;                       // resolutions, powers of two
  int shards = 4;                              // a multiple of `generators`
  int shard_batch = 4;                         // images a shard; the deviation group is the shard
  std::vector<std::int64_t> images = {40000};  // images shown a phase; a shorter list repeats its last entry
  double fade = 0.4;                           // share of a phase that fades the new layers in
  double learning_rate = 1.5e-3;
  double beta2 = 0.99;
  double average = 0.999;  // decay of the moving average a step
  double gradient_penalty = 10, drift = 1e-3;
  double diversity = 1.0;  // weight of the "which generator" head (MGAN)
  friend bool operator==(const GanConfig&, const GanConfig&) = default;
};

enum class SumOrder { exact, fast };
struct JobConfig {  // [[job]] or a JOB.toml of its own
  std::string name;
  std::string kind = "gan";                // a built-in, or what `plugin` registers
  std::filesystem::path plugin;            // shared library with a job kind of the user's
  std::optional<std::string> user;         // nothing ("auto"): the account that submits it
  int priority = 0;                        // the higher first
  std::optional<double> deadline_seconds;  // after its submission, when it shall be done
  int min_cores = 1;
  std::optional<int> max_cores;       // nothing: as many as it has shards
  int slices = 1;                     // over how many slices the cores are spread
  std::optional<Bytes> memory;        // nothing: measured and grown; else a wall
  double target_step_seconds = 0.05;  // the job asks for enough cores to step this fast
  std::int64_t seed = 1;
  GpuUse gpu = GpuUse::none;  // automatic: one, where there is one when it is submitted
  Precision precision = Precision::float32;
  SumOrder reduction = SumOrder::exact;  // of sums over several nodes
  bool overlap = true;                   // they begin before the last gradients are there
  double checkpoint_seconds = 60;        // time between checkpoints; 0: at phase ends only
  int checkpoint_keep = 2;
  int samples = 64;  // images a generator written at the end
  DataConfig data;
  GanConfig gan;
  std::map<std::string, std::string> options;  // [job.options]: free keys of a plugin's kind, as text
  friend bool operator==(const JobConfig&, const JobConfig&) = default;
};

struct Config {
  std::filesystem::path file;
  ClusterConfig cluster;
  std::vector<NodeConfig> nodes = {NodeConfig{}};
  std::vector<UserConfig> users;
  std::vector<JobConfig> jobs;
  friend bool operator==(const Config&, const Config&) = default;
};

/// All errors of a file in one go, each with file:line:column.
using Errors = std::vector<Error>;
template <class T>
using Checked = tl::expected<T, Errors>;

/// Relative paths inside a file are taken from that file's folder (data.path, plugin) and stay so in the
/// result as absolute paths; `runs` is relative to the working directory.
Checked<Config> load_config(const std::filesystem::path& file);
Checked<Config> parse_config(std::string_view text, const std::filesystem::path& file);
/// A file with one job: its keys stand at the top level (`name = …`, `[data]`, `[gan]`).
Checked<JobConfig> load_job(const std::filesystem::path& file);
Checked<JobConfig> parse_job(std::string_view text, const std::filesystem::path& file);

/// The resolved configuration as TOML: parse_config(to_toml(c)) == c.
std::string to_toml(const Config& config);
std::string to_toml(const JobConfig& job);

/// What a job can't have in this cluster; where: "job NAME".
Result<void> fits(const JobConfig& job, const ClusterConfig& cluster);
/// Every rule of the schema over a job that was put together or changed in code; where: "job NAME".
Errors validate(const JobConfig& job);
/// Canonical text of just what decides the bits of a training (kind, seed, data, the kind's own keys), not of
/// where and how fast it runs: a checkpoint whose text differs belongs to another training.
/// `data`: hash of the data's content, where the job's program can tell it (Program::data_identity); then it
/// stands in place of where the data lies. 0: nobody knows it.
std::string hash_relevant(const JobConfig& job, std::uint64_t data = 0);
/// Hash of that text, as a checkpoint's manifest carries it.
std::uint64_t config_hash(const JobConfig& job, std::uint64_t data = 0);
/// Whether a manifest's hash is of this job with this data. One that tells of the data's path is, too, while
/// the path is the same: manifests did before programs told their data's content.
bool is_hash_of(std::uint64_t hash, const JobConfig& job, std::uint64_t data);

/// One key of the schema, for `config --explain` and docs/config.md.
struct KeyInfo {
  std::string path;      // "job.gan.fade"
  std::string type;      // "integer", "number", "text", "bytes", "list of integers" …
  std::string fallback;  // the default, as written in TOML
  std::string range;     // "0 … 1", "4, 8, … 1024", "one of …"
  std::string unit;      // "", "seconds", "bytes", …
  std::string text;      // what it does
};
const std::vector<KeyInfo>& config_keys();
/// Keys whose path contains `part` (all for an empty one), as lines for people.
std::string explain_keys(std::string_view part);
/// docs/config.md.
std::string config_markdown();

}  // namespace troupe
