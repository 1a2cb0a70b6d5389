#include <gtest/gtest.h>

#include <set>

#include "base/config.hpp"
#include "base/files.hpp"

namespace troupe {
namespace {

TEST(ConfigKeys, AreOfOneNameEachAndFullyExplained) {
  std::set<std::string> paths;
  for (const auto& key : config_keys()) {
    EXPECT_TRUE(paths.insert(key.path).second) << key.path;
    EXPECT_FALSE(key.type.empty()) << key.path;
    EXPECT_FALSE(key.fallback.empty()) << key.path;
    EXPECT_GE(key.text.size(), 10U) << key.path;
  }
  for (const char* path : {"cluster.port", "node.memory", "job.name", "job.data.path", "job.gan.fade"}) {
    EXPECT_TRUE(paths.contains(path)) << path;
  }
}

// Every default that the page shows is what a file without the key means.
TEST(ConfigKeys, ShowDefaultsThatAreTrue) {
  const JobConfig plain = parse_job("name = \"j\"\ndata.path = \"/d\"\n", "/j.toml").value();
  for (const auto& key : config_keys()) {
    if (!key.path.starts_with("job.") || key.fallback == "none" || key.fallback == "required") continue;
    const std::string line = key.path.substr(4) + " = " + key.fallback + "\n";
    const auto written = parse_job("name = \"j\"\ndata.path = \"/d\"\n" + line, "/j.toml");
    ASSERT_TRUE(written) << line << written.error().at(0).text();
    EXPECT_EQ(*written, plain) << line;
  }
}

TEST(ConfigKeys, AreAllWrittenOut) {
  JobConfig job = parse_job("name = \"j\"\ndata.path = \"/d\"\n", "/j.toml").value();
  job.plugin = "/p";
  job.data.cache = "/c";
  job.data.holdout_path = "/h";
  Config config;
  config.jobs = {job};
  config.cluster.keys = "/k";
  config.users = {{"u", 2}};
  const std::string toml = to_toml(config);
  for (const auto& key : config_keys()) {
    if (key.path == "job.options.KEY") continue;
    EXPECT_NE(toml.find("\n" + key.path.substr(key.path.rfind('.') + 1) + " = "), std::string::npos)
        << key.path;
  }
}

TEST(ConfigKeys, AreExplainedByAPartOfTheirPath) {
  EXPECT_EQ(explain_keys("job.gan.fade"),
            "job.gan.fade\n"
            "    a number: 0 … 1 (ratio); default: 0.4\n"
            "    share of a phase over which its new layers are faded in\n");
  EXPECT_NE(explain_keys("gan").find("job.gan.shards\n"), std::string::npos);
  EXPECT_EQ(explain_keys("gan").find("cluster.port"), std::string::npos);
  EXPECT_NE(explain_keys("").find("cluster.port\n"), std::string::npos);
  EXPECT_EQ(explain_keys("lerning_rate"), "no key holds \"lerning_rate\"; did you mean `learning_rate`?\n");
  EXPECT_EQ(explain_keys("qqqqqqqqqqq"), "no key holds \"qqqqqqqqqqq\"\n");
}

TEST(ConfigPage, IsWhatTheSchemaSays) {
  EXPECT_EQ(read_file(TROUPE_SOURCE "/docs/config.md").value(), config_markdown())
      << "make it anew: ./dev troupe config --explain --markdown > docs/config.md";
}

TEST(ConfigPage, HoldsEveryKey) {
  const std::string page = config_markdown();
  for (const auto& key : config_keys()) {
    EXPECT_NE(page.find("| `" + key.path.substr(key.path.rfind('.') + 1) + "` |"), std::string::npos)
        << key.path;
    EXPECT_NE(page.find(key.text), std::string::npos) << key.path;
  }
}

}  // namespace
}  // namespace troupe
