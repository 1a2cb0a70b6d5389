// The real program, for what needs no cluster: its exit codes and what stands where.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <nlohmann/json.hpp>

#include "tests/cli/fakes.hpp"

namespace troupe {
namespace {

using testing::HasSubstr;

struct Ran {
  int code = -1;
  std::string out, err;
};

Ran run(const std::string& arguments) {
  const TempFolder folder;
  const std::string out = (folder.path() / "out").string(), err = (folder.path() / "err").string();
  const std::string line = "'" TROUPE_COMMAND "' " + arguments + " >'" + out + "' 2>'" + err + "' </dev/null";
  const int status = std::system(line.c_str());
  const auto text = [](const std::string& file) {
    std::ostringstream all;
    all << std::ifstream(file).rdbuf();
    return all.str();
  };
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), text(out), text(err)};
}

TEST(Program, PrintsItsHelp) {
  const Ran ran = run("");
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, HasSubstr("EXAMPLE"));
  EXPECT_EQ(ran.err, "");
}

TEST(Program, ChecksTheDefaultCluster) {
  const Ran ran = run("check '" TROUPE_SOURCE "/cluster.toml'");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("ok, 2 jobs"));
}

#ifdef TROUPE_HAS_TORCH
TEST(Program, DryRunPlansTheDefaultCluster) {
  const Ran ran = run("up '" TROUPE_SOURCE "/cluster.toml' --dry-run --json");
  EXPECT_EQ(ran.code, 0) << ran.err;
  const auto plan = nlohmann::json::parse(ran.out, nullptr, false);
  EXPECT_FALSE(plan["jobs"]["gan"]["grants"].empty()) << ran.out;
  EXPECT_NE(plan["jobs"]["scout"]["reason"], "");
}
#else
TEST(Program, WithoutLibTorchTheKindGanIsRefusedInWords) {
  const Ran ran = run("up '" TROUPE_SOURCE "/cluster.toml' --dry-run");
  EXPECT_EQ(ran.code, 2);
  EXPECT_THAT(ran.err, HasSubstr("no such kind of job (given kind = \"gan\")"));
}
#endif

TEST(Program, WrongUseIsTwoWithNothingOnStandardOutput) {
  for (const char* arguments : {"upp", "up", "jobs --port x", "check /nowhere.toml", "up /nowhere.toml",
                                "config --explain zzz", "stop"}) {
    const Ran ran = run(arguments);
    EXPECT_EQ(ran.code, 2) << arguments << "\n" << ran.err;
    EXPECT_THAT(ran.err, HasSubstr("error: ")) << arguments;
    EXPECT_EQ(ran.out, "") << arguments;
  }
}

TEST(Program, AClusterThatIsNotThereIsOne) {
  const Ran ran = run("jobs --port 1");
  EXPECT_EQ(ran.code, 1) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("troupe up cluster.toml"));
}

TEST(Program, TellsVersions) {
  const Ran ran = run("version --json");
  EXPECT_EQ(ran.code, 0) << ran.err;
  const auto versions = nlohmann::json::parse(ran.out, nullptr, false);
  EXPECT_TRUE(versions.contains("troupe"));
  EXPECT_EQ(versions["caf"], "0.17.6") << "another release of CAF: see that transport/ still builds on it";
}

TEST(Program, ExplainsOneKey) {
  const Ran ran = run("config --explain cluster.port");
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, HasSubstr("4470"));
}

TEST(Program, MoreCoresThanThereAreIsTwoBeforeAnythingStarts) {
  const TempFolder folder;
  const auto file = folder.write("c.toml", std::string("[[node]]\ncores = 60000\n") + kCluster);
  const Ran ran = run("up '" + file.string() + "' --run '" + (folder.path() / "run").string() + "'");
  EXPECT_EQ(ran.code, 2) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("60000"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "run"));
}

}  // namespace
}  // namespace troupe
