// What a user reads who wrote something wrong.
#include <gtest/gtest.h>

#include "base/config.hpp"

namespace troupe {
namespace {

std::string texts(const Errors& errors) {
  std::string out;
  for (const auto& error : errors) out += error.text() + "\n";
  return out;
}

std::string cluster_errors(std::string_view text) {
  const auto config = parse_config(text, "cluster.toml");
  return config ? "" : texts(config.error());
}

// A valid job of the kind "gan" with lines of its own: `gan` starts on line 4 of the file.
std::string gan_errors(std::string_view gan) {
  const auto job = parse_job("name = \"j\"\ndata.path = \"/d\"\n[gan]\n" + std::string(gan), "job.toml");
  return job ? "" : texts(job.error());
}

std::string job_errors(std::string_view lines) {
  const auto job = parse_job("name = \"j\"\ndata.path = \"/d\"\n" + std::string(lines), "job.toml");
  return job ? "" : texts(job.error());
}

TEST(ConfigErrors, AJobOnAGpuIsBoundByItsPiecesAndNotByItsShards) {
  EXPECT_EQ(job_errors("gpu = \"require\"\nmin_cores = 9\nmax_cores = 16\n[gan]\nshards = 4"), "");
  EXPECT_NE(job_errors("gpu = \"auto\"\nmax_cores = 16\n[gan]\nshards = 4"), "") << "it may come to a CPU";
  const auto two = job_errors("gpu = \"require\"\nslices = 2\nmin_cores = 3\nmax_cores = 2");
  EXPECT_NE(two.find("job.toml:4:10: error: a job on a GPU has one slice (given 2; allowed 1)"),
            std::string::npos)
      << two;
  EXPECT_NE(two.find("`min_cores` is more than `max_cores` (given 3; allowed at most 2)"), std::string::npos)
      << two;
  EXPECT_EQ(job_errors("gpu = \"require\"\nprecision = \"bfloat16\""), "");
  for (const char* gpu : {"none", "auto"}) {
    const auto half = job_errors("gpu = \"" + std::string(gpu) + "\"\nprecision = \"bfloat16\"");
    EXPECT_NE(half.find("job.toml:4:13: error: only a GPU computes in bfloat16 (given \"bfloat16\"; allowed "
                        "\"float32\", or gpu = \"require\")"),
              std::string::npos)
        << half;
  }
  EXPECT_NE(job_errors("gpu = \"yes\"").find("\"none\", \"auto\", \"require\""), std::string::npos);
}

TEST(ConfigErrors, ComeAllInOneGoAndInOrder) {
  EXPECT_EQ(
      cluster_errors(R"([cluster]
port = 99999
metrics_port = "x"

[[job]]
name = "a/b"
[job.gan]
learing_rate = 0.1
to = 48
[job.data]
path = "d"
)"),
      "cluster.toml:2:8: error: `port` is out of range (given 99999; allowed 0 … 65535)\n"
      "cluster.toml:3:16: error: `metrics_port` must be an integer (given \"x\"; allowed -1 … 65535)\n"
      "cluster.toml:6:8: error: `name` is no valid name (given \"a/b\"; allowed 1 to 40 of a-z, 0-9 and -)\n"
      "cluster.toml:8:1: error: unknown key `learing_rate` in [job.gan]. Did you mean `learning_rate`?\n"
      "cluster.toml:9:6: error: `to` is no power of two (given 48; allowed 4, 8, … 1024)\n");
}

TEST(ConfigErrors, AreBadConfigAndExitWith2) {
  const auto config = parse_config("x = 1", "cluster.toml");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().at(0).code, ErrorCode::bad_config);
  EXPECT_EQ(config.error().at(0).exit_code(), 2);
}

TEST(ConfigErrors, OfFastSumsInAClusterWithKeys) {
  const std::string job = "[[job]]\nname = \"j\"\nreduction = \"fast\"\n[job.data]\npath = \"/d\"\n";
  EXPECT_EQ(cluster_errors("[cluster]\nkeys = \"k\"\n" + job),
            "cluster.toml:5:13: error: `reduction` asks for sums over plain TCP, but the cluster has `keys` "
            "(given \"fast\"; allowed \"exact\", or, in a network that you trust, a cluster with "
            "`unencrypted = true`). "
            "Gloo, which makes the fast sums, does not encrypt\n");
  EXPECT_EQ(cluster_errors("[cluster]\nunencrypted = true\n" + job), "");
  EXPECT_EQ(cluster_errors("[cluster]\nkeys = \"k\"\nunencrypted = true\n" + job), "");
  EXPECT_EQ(cluster_errors(job), "") << "on one node it has the exact bits";
  EXPECT_NE(cluster_errors("[[job]]\nname = \"j\"\nreduction = \"fats\"\n[job.data]\npath = \"/d\"\n")
                .find("\"exact\", \"fast\""),
            std::string::npos);
}

TEST(ConfigErrors, OfListeningToOtherMachinesWithoutKeys) {
  EXPECT_EQ(
      cluster_errors("[cluster]\nlisten = \"0.0.0.0\"\n"),
      "cluster.toml:2:10: error: `listen` lets other machines in, but the cluster has no `keys` (given "
      "\"0.0.0.0\"; allowed without `keys`: \"127.0.0.1\" or \"::1\"). Make keys by `troupe keys init DIR` "
      "and name their folder: keys = \"DIR\"\n");
  for (const char* loopback : {"127.0.0.1", "127.8.8.8", "::1"})
    EXPECT_EQ(cluster_errors(std::string("[cluster]\nlisten = \"") + loopback + "\"\n"), "");
  for (const char* open : {"10.0.0.1", "::", "fe80::1", "128.0.0.1"}) {
    EXPECT_NE(cluster_errors(std::string("[cluster]\nlisten = \"") + open + "\"\n"), "") << open;
    EXPECT_EQ(cluster_errors(std::string("[cluster]\nkeys = \"k\"\nlisten = \"") + open + "\"\n"), "")
        << open;
  }
  for (const char* no_address : {"", "head", "127.0.0", "0x7f.1", "1.2.3.4:5", "127.0.0.1 "})
    EXPECT_NE(
        cluster_errors(std::string("[cluster]\nlisten = \"") + no_address + "\"\n").find("is no IP address"),
        std::string::npos)
        << no_address;
}

TEST(ConfigErrors, OfSyntaxHaveTheirPlace) {
  EXPECT_EQ(cluster_errors("[cluster]\nport = \n").substr(0, 36), "cluster.toml:2:8: error: no valid TO");
  EXPECT_NE(cluster_errors("[cluster]\nport = 1\nport = 2\n").find("cluster.toml:3:"), std::string::npos);
  EXPECT_NE(cluster_errors("a = 99999999999999999999").find("not representable in 64 bits"),
            std::string::npos);
}

TEST(ConfigErrors, OfUnknownKeysNameTheNearest) {
  EXPECT_EQ(cluster_errors("[cluster]\nprot = 1\n"),
            "cluster.toml:2:1: error: unknown key `prot` in [cluster]. Did you mean `port`?\n");
  EXPECT_EQ(
      cluster_errors("prot = 1\n"),
      "cluster.toml:1:1: error: unknown key `prot`. Did you mean `port`? `port` belongs in [cluster]\n");
  EXPECT_EQ(cluster_errors("[cluster]\nfade = 1\n"),
            "cluster.toml:2:1: error: unknown key `fade` in [cluster]. `fade` belongs in [job.gan]\n");
  EXPECT_EQ(cluster_errors("qqqqqqqq = 1\n"),
            "cluster.toml:1:1: error: unknown key `qqqqqqqq` (allowed cluster, node, user, job)\n");
  EXPECT_EQ(gan_errors("batch = 1"),
            "job.toml:4:1: error: unknown key `batch` in [gan]. Did you mean `shard_batch`?\n");
  EXPECT_EQ(gan_errors("qqqqq = 1"),
            "job.toml:4:1: error: unknown key `qqqqq` in [gan] (allowed generators, latent, fmap_base, "
            "fmap_max, from, "
            "to, shards, shard_batch, images, fade, learning_rate, beta2, average, gradient_penalty, drift, "
            "diversity)\n");
  EXPECT_EQ(job_errors("[cluster]\nport = 1\n"),
            "job.toml:3:2: error: unknown key `cluster`. This is read as one job's file, whose keys stand at "
            "the top "
            "level\n");
}

TEST(ConfigErrors, OfMissingKeys) {
  EXPECT_EQ(cluster_errors("[[job]]\nkind = \"gan\"\n"),
            "cluster.toml:1:1: error: `name` is missing in [[job]]\n"
            "cluster.toml:1:1: error: `path` is missing in [job.data]\n");
  EXPECT_EQ(cluster_errors("[[job]]\nname = \"a\"\n[job.data]\nholdout = 0\n"),
            "cluster.toml:3:1: error: `path` is missing in [job.data]\n");
  EXPECT_EQ(cluster_errors("[[job]]\nname = \"a\"\nkind = \"other\"\n"), "") << "only the GAN must have data";
  const auto empty = parse_job("", "job.toml");
  ASSERT_FALSE(empty);
  EXPECT_NE(texts(empty.error()).find("error: `name` is missing in the job's file\n"), std::string::npos);
}

TEST(ConfigErrors, OfWrongTypes) {
  EXPECT_EQ(gan_errors("shards = 4.0"),
            "job.toml:4:10: error: `shards` must be an integer (given 4; allowed 1 … 256)\n");
  EXPECT_EQ(gan_errors("fade = \"0.4\""),
            "job.toml:4:8: error: `fade` must be a number (given \"0.4\"; allowed 0 … 1)\n");
  EXPECT_EQ(gan_errors("images = 5"),
            "job.toml:4:10: error: `images` must be a list of integers (given 5; allowed at least 1 of: 1 … "
            "1000000000000)\n");
  EXPECT_NE(gan_errors("images = [5, \"x\"]")
                .find("job.toml:4:14: error: `images` must be a list of integers (given "
                      "\"x\""),
            std::string::npos);
  EXPECT_EQ(cluster_errors("[[node]]\noversubscribe = 1\n"),
            "cluster.toml:2:17: error: `oversubscribe` must be a flag (given 1; allowed true or false)\n");
  EXPECT_EQ(
      cluster_errors("[[node]]\ncores = \"all\"\n"),
      "cluster.toml:2:9: error: `cores` must be an integer (given \"all\"; allowed 1 … 4096 or \"auto\")\n");
  EXPECT_EQ(cluster_errors("[[node]]\nname = 1979-05-27\n"),
            "cluster.toml:2:8: error: `name` must be a text (given a date or time; allowed 1 to 40 of a-z, "
            "0-9 and -)\n");
  EXPECT_EQ(cluster_errors("[[cluster]]\n"),
            "cluster.toml:1:1: error: `cluster` must be a table (given a list of 1; allowed [cluster])\n");
  EXPECT_EQ(cluster_errors("[job]\n"),
            "cluster.toml:1:1: error: `job` must be a list of tables (given a table; allowed [[job]])\n");
  EXPECT_EQ(
      cluster_errors("node = []\n"),
      "cluster.toml:1:8: error: `node` must be a list of tables (given a list of 0; allowed [[node]])\n");
}

TEST(ConfigErrors, OfSizes) {
  const auto memory = [](const std::string& value) {
    return cluster_errors("[[node]]\nmemory = " + value + "\n");
  };
  EXPECT_EQ(memory("\"2 Gb\""),
            "cluster.toml:2:10: error: `memory` is no size: unknown unit of size (given \"2 Gb\"; allowed a "
            "number and a "
            "unit, such as \"512 MiB\" or \"1.5 GiB\")\n");
  EXPECT_EQ(
      memory("-1"),
      "cluster.toml:2:10: error: `memory` is out of range (given -1; allowed 1 MiB … 1 PiB or \"auto\")\n");
  EXPECT_NE(memory("\"-1 GiB\"").find("can't be negative"), std::string::npos);
  EXPECT_NE(memory("\"9999999 PiB\"").find("too large"), std::string::npos);
  EXPECT_NE(memory("1.5").find("must be a size (\"2 GiB\", or an integer in bytes)"), std::string::npos);
  EXPECT_EQ(memory("\"auto\""), "");
}

struct Bad {
  const char* lines;
  const char* expected;
};

void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.lines; }

class BadGan : public testing::TestWithParam<Bad> {};
TEST_P(BadGan, IsRefusedInWords) {
  EXPECT_EQ(gan_errors(GetParam().lines), std::string("job.toml:4:") + GetParam().expected + "\n");
}
INSTANTIATE_TEST_SUITE_P(
    All, BadGan,
    testing::Values(
        Bad{"to = 2", "6: error: `to` is out of range (given 2; allowed 4, 8, … 1024)"},
        Bad{"to = 2048", "6: error: `to` is out of range (given 2048; allowed 4, 8, … 1024)"},
        Bad{"from = 6", "8: error: `from` is no power of two (given 6; allowed 4, 8, … 1024)"},
        Bad{"to = 8\nfrom = 16", "6: error: `to` is below `from` (given 8; allowed at least 16)"},
        Bad{"shards = 6",
            "10: error: `shards` is no multiple of `generators` (given 6; allowed multiples of 4). Shard s "
            "is served by generator s mod generators"},
        Bad{"shards = 260", "10: error: `shards` is out of range (given 260; allowed 1 … 256)"},
        Bad{"shards = -4", "10: error: `shards` is out of range (given -4; allowed 1 … 256)"},
        Bad{"beta2 = 1", "9: error: `beta2` is out of range (given 1; allowed 0 … below 1)"},
        Bad{"average = 1.5", "11: error: `average` is out of range (given 1.5; allowed 0 … below 1)"},
        Bad{"fade = -0.1", "8: error: `fade` is out of range (given -0.1; allowed 0 … 1)"},
        Bad{"fade = nan", "8: error: `fade` is out of range (given nan; allowed 0 … 1)"},
        Bad{"drift = inf", "9: error: `drift` is out of range (given inf; allowed 0 … 1000)"},
        Bad{"learning_rate = 0", "17: error: `learning_rate` is out of range (given 0; allowed above 0 … 1)"},
        Bad{"images = []",
            "10: error: `images` is too short a list (given a list of 0; allowed at least 1 of: 1 … "
            "1000000000000)"},
        Bad{"images = [1, 0]",
            "14: error: `images` has an entry that is out of range (given 0; allowed 1 … 1000000000000)"},
        Bad{"images = [1, 2, 3]\nto = 8",
            "10: error: `images` has more entries than there are phases (given 3; allowed at most 2 from 4 "
            "to 8)"}));

class BadJob : public testing::TestWithParam<Bad> {};
TEST_P(BadJob, IsRefusedInWords) {
  EXPECT_EQ(job_errors(GetParam().lines), std::string("job.toml:3:") + GetParam().expected + "\n");
}
INSTANTIATE_TEST_SUITE_P(
    All, BadJob,
    testing::Values(
        Bad{"min_cores = 3\nmax_cores = 2",
            "13: error: `min_cores` is more than `max_cores` (given 3; allowed at most 2)"},
        Bad{"min_cores = 5",
            "13: error: `min_cores` is more than the number of shards (given 5; allowed at most 4)"},
        Bad{"max_cores = 5",
            "13: error: `max_cores` is more than the job has shards (given 5; allowed at most 4). A shard "
            "runs on one core"},
        Bad{"slices = 3\nmax_cores = 2",
            "10: error: `slices` is more than `max_cores` (given 3; allowed at most 2). A slice has at least "
            "one core"},
        Bad{"kind = \"Gan!\"",
            "8: error: `kind` is no valid name (given \"Gan!\"; allowed 1 to 40 of a-z, 0-9, - and _)"},
        Bad{"data.holdout = 1", "16: error: `holdout` is out of range (given 1; allowed 0 … 0.9)"},
        Bad{"data.min_content = 1",
            "20: error: `min_content` is out of range (given 1; allowed 0 … below 1)"},
        Bad{"data.kind = \"dicom\"",
            "13: error: `kind` is none of the choices (given \"dicom\"; allowed one of \"auto\", "
            "\"nifti\", \"images\")"},
        Bad{"data.axes = []",
            "13: error: `axes` is too short a list (given a list of 0; allowed at least 1 of: one of "
            "\"axial\", \"coronal\", \"sagittal\")"},
        Bad{"data.axes = [\"axial\", \"axial\"]",
            "23: error: `axes` names an entry twice (given \"axial\"; allowed each once)"},
        Bad{"data.files = [\"../a\"]",
            "15: error: `files` has an entry that must name a file inside the folder (given "
            "\"../a\"; allowed relative paths without ..)"},
        Bad{"data.cache = \"\"", "14: error: `cache` is empty (given \"\"; allowed a path)"},
        Bad{"plugin = \"a\\u0000b\"",
            "10: error: `plugin` holds control characters (given \"a\\u0000b\"; allowed "
            "printable text)"},
        Bad{"plugin = \"a.so\"",
            "10: error: `plugin` brings a kind of its own, but `kind` is \"gan\". Give `kind` the name "
            "that the plugin registers"},
        Bad{"options.a = 1",
            "1: error: `options` is for kinds other than \"gan\". The keys of a GAN stand in `gan`"}));

TEST(ConfigErrors, OfKeysThatBelongToAnotherKind) {
  EXPECT_EQ(cluster_errors("[[job]]\nname = \"a\"\nkind = \"k\"\n[job.gan]\nto = 8\n"),
            "cluster.toml:4:1: error: [job.gan] is for the kind \"gan\" alone (given kind \"k\"). The keys "
            "of other kinds "
            "stand in [job.options]\n");
  EXPECT_EQ(cluster_errors("[[job]]\nname = \"a\"\nkind = \"k\"\n[job.options]\nx = [1]\ny = inf\n"),
            "cluster.toml:5:5: error: option \"x\" can't be used (given a list of 1; allowed a name of 1 to "
            "100 bytes; a "
            "text, a finite number, true or false)\n"
            "cluster.toml:6:5: error: option \"y\" can't be used (given inf; allowed a name of 1 to 100 "
            "bytes; a text, a "
            "finite number, true or false)\n");
}

TEST(ConfigErrors, OfNamesAndPortsUsedTwice) {
  EXPECT_EQ(cluster_errors("[cluster]\nport = 5\nmetrics_port = 5\n"),
            "cluster.toml:3:16: error: `metrics_port` and `port` are the same (given 5; allowed two ports, 0 "
            "(any free "
            "one) or -1 (no metrics))\n");
  EXPECT_EQ(cluster_errors("[cluster]\nport = 0\nmetrics_port = 0\n"), "");
  EXPECT_EQ(cluster_errors("[[node]]\nname = \"n\"\n[[node]]\nname = \"n\"\n"),
            "cluster.toml:4:8: error: two nodes are named \"n\". The first stands at cluster.toml:2:8; give "
            "each a `name` "
            "of its own\n");
  const std::string job = "[[job]]\nname = \"a\"\nkind = \"k\"\n";
  EXPECT_EQ(cluster_errors(job + job),
            "cluster.toml:5:8: error: two jobs are named \"a\". The first stands at cluster.toml:2:8; give "
            "each a `name` "
            "of its own\n");
}

TEST(ConfigErrors, OfQuotasThatContradictWhatThereIs) {
  const std::string node = "[[node]]\ncores = 4\nmemory = \"1 GiB\"\n";
  EXPECT_EQ(
      cluster_errors("[cluster]\nuser_cores = 5\n" + node),
      "cluster.toml:2:14: error: `user_cores` is more than there is (given 5; allowed at most 4). A quota "
      "over what there is bounds nobody; leave it out if that is meant\n");
  EXPECT_NE(cluster_errors("[cluster]\nuser_memory = \"2 GiB\"\n" + node).find("at most 1 GiB"),
            std::string::npos);
  EXPECT_EQ(cluster_errors("[cluster]\nuser_cores = 4\nuser_memory = \"1 GiB\"\n" + node), "");
  EXPECT_EQ(cluster_errors("[cluster]\nunencrypted = true\nuser_cores = 5\n" + node), "") << "nodes may join";
  EXPECT_EQ(cluster_errors("[cluster]\nuser_cores = 5\n[[node]]\nmemory = \"1 GiB\"\n"), "")
      << "who knows how many cores the machine has";
}

TEST(ConfigErrors, OfJobsThatAskForMoreThanTheirUserMayHave) {
  const std::string job = "[[job]]\nname = \"j\"\nkind = \"k\"\n";
  EXPECT_EQ(
      cluster_errors("[cluster]\nuser_cores = 2\n" + job + "min_cores = 3\n"),
      "cluster.toml:6:13: error: `min_cores` is more than one user may have (given 3; allowed at most 2). "
      "The quota is `cluster.user_cores`\n");
  EXPECT_NE(cluster_errors("[cluster]\nuser_memory = \"1 GiB\"\n" + job + "memory = \"2 GiB\"\n")
                .find("at most 1 GiB"),
            std::string::npos);
}

TEST(ConfigErrors, OfUsersThatAreNamedTwiceOrWeighNothing) {
  EXPECT_NE(cluster_errors("[[user]]\nname = \"a\"\n[[user]]\nname = \"a\"\n").find("two users are named"),
            std::string::npos);
  EXPECT_NE(cluster_errors("[[user]]\nname = \"a\"\nweight = 0\n").find("allowed 0.001"), std::string::npos);
  EXPECT_NE(cluster_errors("[[user]]\nweight = 1\n").find("`name` is missing"), std::string::npos);
}

TEST(ConfigErrors, OfRefusedKeysStartNoFurtherOnes) {
  // generators is refused, so that `shards` can't be measured against it
  EXPECT_EQ(gan_errors("generators = 0\nshards = 5"),
            "job.toml:4:14: error: `generators` is out of range (given 0; allowed 1 … 64)\n");
}

}  // namespace
}  // namespace troupe
