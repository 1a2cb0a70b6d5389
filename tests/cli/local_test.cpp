// The commands that need no cluster, and the command line itself.
#include "cli/local_commands.hpp"

#include <gmock/gmock.h>

#include "tests/cli/fakes.hpp"

namespace troupe {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(CommandLine, WithoutArgumentsIsHelp) {
  FakeCommand troupe;
  EXPECT_EQ(troupe.run({}), 0);
  for (const char* name : {"up", "check", "submit", "jobs", "show", "logs", "stop", "resume", "resize",
                           "generate", "config", "version"}) {
    EXPECT_THAT(troupe.out, HasSubstr(std::string("\n  ") + name + " ")) << name;
  }
}

TEST(CommandLine, EveryCommandHasHelpWithAnExample) {
  FakeCommand troupe;
  for (const char* name : {"up", "check", "submit", "jobs", "show", "logs", "stop", "resume", "resize",
                           "generate", "config", "version"}) {
    EXPECT_EQ(troupe.run({name, "--help"}), 0) << name;
    EXPECT_THAT(troupe.out, HasSubstr(std::string("EXAMPLE\n  troupe ") + name)) << name;
    EXPECT_EQ(troupe.err, "");
  }
}

TEST(CommandLine, UnknownCommandsNameTheNearest) {
  FakeCommand troupe;
  EXPECT_EQ(troupe.run({"resmue"}), 2);
  EXPECT_EQ(troupe.err, "troupe: error: no such command (given resmue). Did you mean `troupe resume`?\n");
  EXPECT_EQ(troupe.run({"xyzzy-nothing-like-it"}), 2);
  EXPECT_THAT(troupe.err, HasSubstr("`troupe --help`"));
}

TEST(CommandLine, WrongUseIsTwoAndPointsToHelp) {
  FakeCommand troupe;
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"up"},
                                                {"show"},
                                                {"jobs", "--colour"},
                                                {"generate", "run", "--count", "many"},
                                                {"--nothing"},
                                                {"check"},
                                                {"generate", "run", "--count", "0"},
                                                {"resume"}}) {
    EXPECT_EQ(troupe.run(wrong), 2) << wrong.front();
    EXPECT_THAT(troupe.err, HasSubstr("troupe: error: ")) << wrong.front();
    EXPECT_THAT(troupe.err, HasSubstr("--help`")) << wrong.front();
  }
}

TEST(IsJobFile, DecidesByTables) {
  EXPECT_TRUE(is_job_file(kJob));
  EXPECT_TRUE(is_job_file("# [cluster]\n\nname='x'\n"));
  EXPECT_TRUE(is_job_file("[data]\npath = 'x'"));
  EXPECT_FALSE(is_job_file(kCluster));
  EXPECT_FALSE(is_job_file("[[ job ]]\nname='x'\n"));
  EXPECT_FALSE(is_job_file("[job.gan]\n"));
  EXPECT_FALSE(is_job_file(""));
  EXPECT_FALSE(is_job_file("cluster.name = 'x'\n"));
  EXPECT_FALSE(is_job_file("[[["));
}

TEST(Check, TellsWhatAFileWouldBe) {
  FakeCommand troupe;
  TempFolder folder;
  const std::string file = folder.write("c.toml", kCluster).string();
  EXPECT_EQ(troupe.run({"check", file}), 0);
  EXPECT_EQ(troupe.out, file + ": ok, 1 job\n  gan: kind gan, priority 0, 4 generators, 4x4 to 64x64\n");
  EXPECT_EQ(troupe.run({"check", folder.write("j.toml", kJob).string(), "--json"}), 0);
  EXPECT_EQ(Json::parse(troupe.out)["jobs"][0]["name"], "small");
}

TEST(Check, TellsAllErrorsInOneGo) {
  FakeCommand troupe;
  TempFolder folder;
  const auto file = folder.write(
      "c.toml", "[cluster]\nport = -1\nnmae = \"x\"\n[[job]]\nname = \"a\"\n[job.data]\npath = 3\n");
  EXPECT_EQ(troupe.run({"check", file.string()}), 2);
  for (const char* part : {"c.toml:2:", "c.toml:3:", "c.toml:7:", "Did you mean `name`", "3 errors"}) {
    EXPECT_THAT(troupe.err, HasSubstr(part));
  }
  EXPECT_EQ(troupe.run({"check", file.string(), "--json"}), 2);
  EXPECT_EQ(Json::parse(troupe.out)["errors"].size(), 3U);
}

TEST(Check, MissingAndHostileFilesAreErrors) {
  FakeCommand troupe;
  TempFolder folder;
  EXPECT_EQ(troupe.run({"check", (folder.path() / "none.toml").string()}), 2);
  EXPECT_THAT(troupe.err, HasSubstr("none.toml"));
  EXPECT_EQ(troupe.run({"check", folder.path().string()}), 2);
  EXPECT_EQ(troupe.run({"check", folder.write("z.toml", std::string("a\0b = \xff", 7)).string()}), 2);
  EXPECT_EQ(troupe.run({"check", folder.write("n.toml", std::string(100000, '[')).string(), "--json"}), 2);
  EXPECT_TRUE(Json::accept(troupe.out));
}

TEST(Check, TheFilesThatComeWithTroupeAreRight) {
  FakeCommand troupe;
  for (const char* file : {"/cluster.toml", "/cluster-large.toml", "/examples/small-gan.toml"}) {
    EXPECT_EQ(troupe.run({"check", TROUPE_SOURCE + std::string(file)}), 0) << file << troupe.err;
  }
}

TEST(Config, ExplainsKeys) {
  FakeCommand troupe;
  EXPECT_EQ(troupe.run({"config", "--explain", "gan.fade"}), 0);
  EXPECT_THAT(troupe.out, HasSubstr("job.gan.fade"));
  EXPECT_THAT(troupe.out, Not(HasSubstr("latent")));
  EXPECT_EQ(troupe.run({"config", "--explain", "--json"}), 0);
  EXPECT_EQ(Json::parse(troupe.out).size(), config_keys().size());
  EXPECT_EQ(troupe.run({"config", "--explain", "--markdown"}), 0);
  EXPECT_EQ(troupe.out, config_markdown());
}

TEST(Config, UnknownKeysNameTheNearest) {
  FakeCommand troupe;
  EXPECT_EQ(troupe.run({"config", "--explain", "job.gan.learnig_rate"}), 2);
  EXPECT_THAT(troupe.err, HasSubstr("Did you mean `learning_rate`?"));
  EXPECT_EQ(troupe.run({"config"}), 2);
}

TEST(Version, NamesTheLibraries) {
  FakeCommand troupe;
  EXPECT_EQ(troupe.run({"version"}), 0);
  EXPECT_EQ(troupe.out, "troupe  0.1.0\ncaf     0.17.6\n");
  EXPECT_EQ(troupe.run({"version", "--json"}), 0);
  EXPECT_EQ(Json::parse(troupe.out)["caf"], "0.17.6");
}

}  // namespace
}  // namespace troupe
