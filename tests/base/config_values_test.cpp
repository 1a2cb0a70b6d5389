// What valid files mean: defaults, every key, paths, the round trip, what decides the bits.
#include <gtest/gtest.h>

#include "base/config.hpp"

namespace troupe {
namespace {

std::string texts(const Errors& errors) {
  std::string out;
  for (const auto& error : errors) out += error.text() + "\n";
  return out;
}

Config read(std::string_view text) {
  auto config = parse_config(text, "/etc/troupe/cluster.toml");
  EXPECT_TRUE(config) << texts(config.error());
  return config ? *config : Config{};
}

JobConfig read_job(std::string_view text) {
  auto job = parse_job(text, "/etc/troupe/job.toml");
  EXPECT_TRUE(job) << texts(job.error());
  return job ? *job : JobConfig{};
}

TEST(ConfigValues, OfAnEmptyFileAreTheDefaults) {
  Config expected;
  expected.file = "/etc/troupe/cluster.toml";
  EXPECT_EQ(read(""), expected);
  EXPECT_EQ(read("").nodes.size(), 1U);
}

TEST(ConfigValues, OfAJobThatNamesOnlyWhatItMust) {
  JobConfig expected;
  expected.name = "brains";
  expected.data.path = "/data";
  EXPECT_EQ(read("[[job]]\nname = \"brains\"\n[job.data]\npath = \"/data\"\n").jobs.at(0), expected);
  EXPECT_EQ(read_job("name = \"brains\"\n[data]\npath = \"/data\"\n"), expected);
}

constexpr const char* everything = R"(
[cluster]
name = "c-1"
port = 0
metrics_port = -1
listen = "0.0.0.0"
keys = "../keys"
runs = "out"
failure_timeout_seconds = 2
[[node]]
name = "a"
cores = 3
memory = "1.5 GiB"
oversubscribe = true
[[node]]
name = "b"
cores = "auto"
memory = 1073741824
[[job]]
name = "j"
kind = "gan"
priority = -2
min_cores = 2
max_cores = 6
slices = 3
memory = "512 MiB"
target_step_seconds = 0.25
seed = 9223372036854775807
checkpoint_seconds = 0
checkpoint_keep = 5
samples = 0
[job.data]
path = "mri"
files = ["a.nii", "sub/b.nii.gz"]
kind = "nifti"
axes = ["sagittal"]
min_content = 0
holdout = 0.25
holdout_path = "../held"
cache = "pyramids"
cache_keep = 3
[job.gan]
generators = 3
latent = 8
fmap_base = 256
fmap_max = 16
from = 8
to = 1024
shards = 6
shard_batch = 2
images = [10, 20, 30]
fade = 1
learning_rate = 1e-3
beta2 = 0
average = 0.5
gradient_penalty = 5
drift = 0
diversity = 0.5
)";

TEST(ConfigValues, AreThoseOfTheFile) {
  const Config config = read(everything);
  EXPECT_EQ(config.cluster.name, "c-1");
  EXPECT_EQ(config.cluster.port, 0);
  EXPECT_EQ(config.cluster.metrics_port, -1);
  EXPECT_EQ(config.cluster.listen, "0.0.0.0");
  EXPECT_EQ(config.cluster.keys, "/etc/keys") << "from the file's folder";
  EXPECT_EQ(config.cluster.runs, "out") << "runs stays relative to the working directory";
  EXPECT_EQ(config.cluster.failure_timeout_seconds, 2);
  ASSERT_EQ(config.nodes.size(), 2U);
  EXPECT_EQ(config.nodes[0], (NodeConfig{"a", 3, mib(1536), true}));
  EXPECT_EQ(config.nodes[1], (NodeConfig{"b", {}, gib(1), false}));
  JobConfig job;
  job.name = "j";
  job.priority = -2;
  job.min_cores = 2;
  job.max_cores = 6;
  job.slices = 3;
  job.memory = mib(512);
  job.target_step_seconds = 0.25;
  job.seed = 9223372036854775807;
  job.checkpoint_seconds = 0;
  job.checkpoint_keep = 5;
  job.samples = 0;
  job.data = {"/etc/troupe/mri",
              {"a.nii", "sub/b.nii.gz"},
              DataKind::nifti,
              {"sagittal"},
              0,
              0.25,
              "/etc/held",
              "pyramids",
              3};
  job.gan = {3, 8, 256, 16, 8, 1024, 6, 2, {10, 20, 30}, 1, 1e-3, 0, 0.5, 5, 0, 0.5};
  ASSERT_EQ(config.jobs.size(), 1U);
  EXPECT_EQ(config.jobs[0], job);
}

TEST(ConfigValues, CanBeWrittenAndReadBack) {
  const Config config = read(everything);
  EXPECT_EQ(read(to_toml(config)), config) << to_toml(config);
  EXPECT_EQ(read_job(to_toml(config.jobs[0])), config.jobs[0]) << to_toml(config.jobs[0]);
  const Config plain = read("");
  EXPECT_EQ(read(to_toml(plain)), plain);
}

TEST(ConfigValues, KeepTheirLastBitInText) {
  JobConfig job = read_job("name = \"j\"\n[data]\npath = \"/d\"\n");
  job.memory = Bytes{(std::int64_t{1} << 30) + 1};
  job.gan.learning_rate = 0.1 + 0.2;
  job.gan.fade = 5e-324;
  EXPECT_EQ(read_job(to_toml(job)), job);
}

TEST(ConfigValues, OfOtherKindsAreTextsUnderOptions) {
  const JobConfig job = read_job(R"(
name = "mine"
kind = "my_kind"
plugin = "lib/mine.so"
[options]
rate = 0.5
depth = 3
loud = false
"odd key" = "a\"b\\c\u0001"
)");
  EXPECT_EQ(job.plugin, "/etc/troupe/lib/mine.so");
  const std::map<std::string, std::string> expected = {
      {"rate", "0.5"}, {"depth", "3"}, {"loud", "false"}, {"odd key", "a\"b\\c\x01"}};
  EXPECT_EQ(job.options, expected);
  EXPECT_EQ(read_job(to_toml(job)), job);
}

TEST(ConfigValues, TakeRelativePathsFromTheFilesFolder) {
  const auto path = [](const char* written, const char* file) {
    return parse_job(std::string("name = \"j\"\n[data]\npath = \"") + written + "\"\n", file)
        .value()
        .data.path;
  };
  EXPECT_EQ(path("x", "/a/b/job.toml"), "/a/b/x");
  EXPECT_EQ(path("../x/./y", "/a/b/job.toml"), "/a/x/y");
  EXPECT_EQ(path("/x", "/a/b/job.toml"), "/x");
  EXPECT_EQ(path("~/x", "/a/job.toml"), "/a/~/x") << "a tilde is the shell's";
  EXPECT_EQ(path("x", "job.toml"), std::filesystem::current_path() / "x");
  EXPECT_EQ(path("x", "sub/job.toml"), std::filesystem::current_path() / "sub" / "x");
}

TEST(ConfigValues, ThatDecideTheBitsAreToldFromTheRest) {
  const JobConfig base = read_job("name = \"j\"\n[data]\npath = \"/d\"\n");
  const auto same = [&](auto change) {
    JobConfig job = base;
    change(job);
    return hash_relevant(job) == hash_relevant(base);
  };
  EXPECT_TRUE(same([](JobConfig& j) { j.name = "k"; }));
  EXPECT_TRUE(same([](JobConfig& j) { j.max_cores = 2; }));
  EXPECT_TRUE(same([](JobConfig& j) { j.slices = 2; }));
  EXPECT_TRUE(same([](JobConfig& j) { j.memory = gib(1); }));
  EXPECT_TRUE(same([](JobConfig& j) { j.priority = 3; }));
  EXPECT_TRUE(same([](JobConfig& j) { j.checkpoint_seconds = 1; }));
  EXPECT_TRUE(same([](JobConfig& j) { j.data.cache = "/c"; }));
  EXPECT_TRUE(same([](JobConfig& j) { j.data.cache_keep = 1; }));
  EXPECT_TRUE(same([](JobConfig& j) { j.gan.drift = j.gan.drift + 0.0; }));
  EXPECT_FALSE(same([](JobConfig& j) { j.seed = 2; }));
  EXPECT_FALSE(same([](JobConfig& j) { j.reduction = SumOrder::fast; }));
  EXPECT_FALSE(same([](JobConfig& j) { j.precision = Precision::bfloat16; }));
  EXPECT_EQ(hash_relevant(base).find("precision"), std::string::npos) << "the same";
  EXPECT_TRUE(same([](JobConfig& j) { j.overlap = false; }));
  EXPECT_EQ(hash_relevant(base).find("reduction"), std::string::npos) << "checkpoints from before it fit";
  EXPECT_FALSE(same([](JobConfig& j) { j.gpu = GpuUse::require; })) << "a GPU has other bits";
  EXPECT_EQ(hash_relevant(base).find("gpu"), std::string::npos);
  EXPECT_FALSE(same([](JobConfig& j) { j.data.holdout = 0.2; }));
  EXPECT_FALSE(same([](JobConfig& j) { j.data.files = {"a"}; }));
  EXPECT_FALSE(same([](JobConfig& j) { j.gan.shards = 8; }));
  EXPECT_FALSE(same([](JobConfig& j) { j.gan.images = {1}; }));
  EXPECT_FALSE(same([](JobConfig& j) { j.gan.learning_rate += 1e-18; }));
  JobConfig other = base;
  other.kind = "k";
  const std::string before = hash_relevant(other);
  other.gan.shards = 8;
  EXPECT_EQ(hash_relevant(other), before) << "the GAN's keys mean nothing to another kind";
  other.options["a"] = "1";
  EXPECT_NE(hash_relevant(other), before);
}

TEST(ConfigValues, OfDataWhoseContentIsKnownDoNotSayWhereItLies) {
  const JobConfig base = read_job("name = \"j\"\n[data]\npath = \"/d\"\nholdout_path = \"/h\"\n");
  JobConfig moved = base;
  moved.data.path = "/mnt/d";
  moved.data.holdout_path = "/mnt/h";
  EXPECT_EQ(config_hash(moved, 7), config_hash(base, 7));
  EXPECT_NE(config_hash(moved, 8), config_hash(base, 7)) << "other images";
  EXPECT_NE(config_hash(moved), config_hash(base)) << "nobody knows what lies there";
  EXPECT_TRUE(is_hash_of(config_hash(base, 7), moved, 7));
  EXPECT_FALSE(is_hash_of(config_hash(base, 7), moved, 8));
  EXPECT_FALSE(is_hash_of(config_hash(base, 7), moved, 0));
  EXPECT_TRUE(is_hash_of(config_hash(base), base, 7)) << "a checkpoint from before";
  EXPECT_FALSE(is_hash_of(config_hash(base), moved, 7));
  moved.data.holdout = 0.2;
  EXPECT_NE(config_hash(moved, 7), config_hash(base, 7));
}

TEST(ConfigValues, PutTogetherInCodeObeyTheSameRules) {
  JobConfig job = read_job("name = \"j\"\n[data]\npath = \"/d\"\n");
  EXPECT_TRUE(validate(job).empty());
  job.gan.to = 48;
  job.min_cores = 0;
  job.data.path.clear();
  EXPECT_EQ(texts(validate(job)),
            "job \"j\": error: `min_cores` is out of range (given 0; allowed 1 … 4096)\n"
            "job \"j\": error: `data.path` is missing\n"
            "job \"j\": error: `gan.to` is no power of two (given 48; allowed 4, 8, … 1024)\n");
}

}  // namespace
}  // namespace troupe
