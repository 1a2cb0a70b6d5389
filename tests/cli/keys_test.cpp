// `troupe keys`, and how a command finds its cluster and its keys.
#include <gmock/gmock.h>

#include "tests/cli/fakes.hpp"
#include "transport/keys.hpp"

namespace troupe {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

struct KeysCommand : testing::Test {
  FakeCommand troupe;
  TempFolder outer;
  std::string folder = (outer.path() / "keys").string();

  std::string text(const std::string& file) {
    std::ostringstream all;
    all << std::ifstream(fs::path(folder) / file).rdbuf();
    return all.str();
  }
};

TEST_F(KeysCommand, InitSaysWhatToDoWithThemAndNoSecret) {
  EXPECT_EQ(troupe.run({"keys", "init", folder}), 0) << troupe.err;
  EXPECT_THAT(troupe.out, AllOf(HasSubstr("head: node, valid until 2028-05-05"),
                                HasSubstr("keys = \"" + folder + "\""), HasSubstr("fingerprint ")));
  for (const char* file : {"head.key", "head.curve", "ca.key"}) {
    ASSERT_GT(text(file).size(), 35U) << file;
    EXPECT_THAT(troupe.out, Not(HasSubstr(text(file).substr(0, text(file).find('\n', 30))))) << file;
  }
}

TEST_F(KeysCommand, InitDoesNotOverwriteUnlessForcedAndThenSaysSo) {
  ASSERT_EQ(troupe.run({"keys", "init", folder}), 0);
  const std::string before = text("ca.key");
  EXPECT_EQ(troupe.run({"keys", "init", folder}), 2);
  EXPECT_THAT(troupe.err, AllOf(HasSubstr("holds keys already"), HasSubstr("--force")));
  EXPECT_EQ(text("ca.key"), before);
  EXPECT_EQ(troupe.run({"keys", "init", folder, "--force"}), 0) << troupe.err;
  EXPECT_THAT(troupe.out,
              AllOf(HasSubstr("are kept in " + folder + "/replaced-"), HasSubstr("this is a new cluster")));
}

TEST_F(KeysCommand, AddNamesTheFilesThatItsHolderNeeds) {
  ASSERT_EQ(troupe.run({"keys", "init", folder}), 0);
  EXPECT_EQ(troupe.run({"keys", "add", folder, "alice", "--role", "client", "--days", "90"}), 0)
      << troupe.err;
  EXPECT_THAT(troupe.out, HasSubstr("alice: client, valid until 2026-05-01"));
  for (const char* file : {"ca.pem", "alice.pem", "alice.key", "alice.curve", "public.json"})
    EXPECT_THAT(troupe.out, HasSubstr(folder + "/" + file + "\n"));
  EXPECT_THAT(troupe.out, Not(HasSubstr("ca.key")));
  EXPECT_EQ(troupe.run({"keys", "add", folder, "alice"}), 2);
  EXPECT_THAT(troupe.err, HasSubstr("--renew"));
  EXPECT_EQ(troupe.run({"keys", "add", folder, "alice", "--renew", "--json"}), 0) << troupe.err;
  EXPECT_EQ(Json::parse(troupe.out)["role"], "client");
  EXPECT_EQ(Json::parse(troupe.out)["files"].size(), 5U);
}

TEST_F(KeysCommand, ShowListsThemAndFailsWhereOneCannotBeUsed) {
  ASSERT_EQ(troupe.run({"keys", "init", folder}), 0);
  ASSERT_EQ(troupe.run({"keys", "add", folder, "short", "--days", "10"}), 0);
  EXPECT_EQ(troupe.run({"keys", "show", folder}), 0) << troupe.err;
  EXPECT_THAT(troupe.out,
              AllOf(HasSubstr("NAME"), HasSubstr("head"), HasSubstr("good"), HasSubstr("ends in 10 days")));
  EXPECT_EQ(troupe.run({"keys", "show", folder, "--json"}), 0);
  EXPECT_EQ(Json::parse(troupe.out)["names"][0]["name"], "head");
  EXPECT_EQ(Json::parse(troupe.out)["names"][0]["curve"].get<std::string>().size(), 40U);
  const double later = troupe.services.unix_time() + 20 * 86400;
  troupe.services.unix_time = [later] { return later; };
  EXPECT_EQ(troupe.run({"keys", "show", folder}), 1);
  EXPECT_THAT(troupe.err, HasSubstr("short.pem: error: this certificate is expired since 2026-02-10"));
}

TEST_F(KeysCommand, WrongUseIsTwo) {
  ASSERT_EQ(troupe.run({"keys", "init", folder}), 0);
  const std::vector<std::vector<std::string>> wrong = {{"keys"},
                                                       {"keys", "init"},
                                                       {"keys", "init", folder + "2", "--days", "0"},
                                                       {"keys", "init", folder + "2", "--days", "3651"},
                                                       {"keys", "add", folder},
                                                       {"keys", "add", folder, "Bob"},
                                                       {"keys", "add", folder, "bob", "--role", "king"},
                                                       {"keys", "add", folder, "bob", "--renew"},
                                                       {"keys", "show", folder + "2"},
                                                       {"keys", "lose", folder}};
  for (const auto& line : wrong) {
    EXPECT_EQ(troupe.run(line), 2) << line.back();
    EXPECT_THAT(troupe.err, HasSubstr("error: ")) << line.back();
  }
  EXPECT_FALSE(fs::exists(folder + "2"));
}

TEST_F(KeysCommand, HelpOfEveryPartHasAnExample) {
  for (const auto& line : std::vector<std::vector<std::string>>{{"keys", "--help"},
                                                                {"keys", "init", "--help"},
                                                                {"keys", "add", "--help"},
                                                                {"keys", "show", "--help"}}) {
    EXPECT_EQ(troupe.run(line), 0);
    EXPECT_THAT(troupe.out, HasSubstr("EXAMPLE\n  troupe keys " + (line[1] == "--help" ? "init" : line[1])));
  }
}

struct Finding : testing::Test {
  FakeCommand troupe;
  TempFolder run;
  void SetUp() override { troupe.cluster.replies["jobs"] = {Json::array()}; }
  ClusterAddress found(std::vector<std::string> more) {
    more.insert(more.begin(), "jobs");
    EXPECT_EQ(troupe.run(more), 0) << troupe.err;
    return troupe.address;
  }
};

TEST_F(Finding, ARunFolderNamesHostPortAndKeys) {
  run.write("control.json", R"({"pid": 1, "host": "10.0.0.7", "port": 5555, "keys": "/k"})");
  const auto there = found({"--run", run.path().string()});
  EXPECT_EQ(there.host, "10.0.0.7");
  EXPECT_EQ(there.port, 5555);
  EXPECT_EQ(there.keys, "/k");
  EXPECT_EQ(found({"--run", run.path().string(), "--keys", "/mine"}).keys, "/mine");
  const auto here = found({"--run", run.path().string(), "--port", "6666"});
  EXPECT_EQ(here.host, "127.0.0.1");
  EXPECT_EQ(here.port, 6666);
  EXPECT_EQ(here.keys, "/k");
}

TEST_F(Finding, AtNamesAnotherMachineWhichWantsKeys) {
  const auto there = found({"--at", "head.example:4480", "--keys", "/mine"});
  EXPECT_EQ(there.host, "head.example");
  EXPECT_EQ(there.port, 4480);
  EXPECT_EQ(there.keys, "/mine");
  EXPECT_EQ(found({"--at", "[fe80::1]:4480", "--keys", "/mine"}).host, "fe80::1");
  EXPECT_EQ(found({"--at", "localhost:4480"}).keys, "");
  EXPECT_EQ(troupe.run({"jobs", "--at", "head.example:4480"}), 2);
  EXPECT_THAT(troupe.err, HasSubstr("reached with keys alone"));
  for (const char* place : {"head", "head:", ":1", "head:0", "head:65536", "head:12x", "fe80::1:4480"}) {
    EXPECT_EQ(troupe.run({"jobs", "--at", place, "--keys", "/mine"}), 2) << place;
    EXPECT_THAT(troupe.err, HasSubstr("HOST:PORT")) << place;
  }
  EXPECT_EQ(troupe.run({"jobs", "--at", "localhost:4480", "--port", "5"}), 2);
}

TEST_F(Finding, TheEnvironmentNamesKeysWhereNoRunFolderDoes) {
  troupe.environment["TROUPE_KEYS"] = "/environment";
  EXPECT_EQ(found({}).keys, "/environment");
  EXPECT_EQ(found({"--keys", "/mine"}).keys, "/mine");
  run.write("control.json", R"({"pid": 1, "port": 5555})");
  EXPECT_EQ(found({"--run", run.path().string()}).keys, "") << "that cluster has none";
}

}  // namespace
}  // namespace troupe
