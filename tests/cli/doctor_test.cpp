#include <gmock/gmock.h>

#include "base/version.hpp"
#include "cli/doctor_checks.hpp"
#include "tests/cli/fakes.hpp"

namespace troupe {
namespace {

using testing::AllOf;
using testing::Field;
using testing::HasSubstr;
using testing::Not;

constexpr double kNow = 1769869353;

auto is(Verdict verdict, const std::string& part) {
  return AllOf(Field(&Finding::verdict, verdict), Field(&Finding::text, HasSubstr(part)));
}

TEST(Judge, APortIsFreeTakenOrTheClustersOwn) {
  const Result<void> taken = fail({.code = ErrorCode::io, .what = "Address already in use"});
  EXPECT_THAT(judge_port("cluster.port", "127.0.0.1", 4470, {}, false), is(Verdict::ok, "is free"));
  EXPECT_THAT(judge_port("cluster.port", "127.0.0.1", 4470, taken, true), is(Verdict::ok, "cluster itself"));
  const auto finding = judge_port("cluster.port", "127.0.0.1", 4470, taken, false);
  EXPECT_THAT(finding, is(Verdict::problem, "Address already in use"));
  EXPECT_THAT(finding.hint, HasSubstr("ss -ltnp sport = :4470"));
}

TEST(Judge, ANameThatNobodyKnowsIsAProblem) {
  EXPECT_THAT(judge_name("node b", "b.lab", std::vector<std::string>{"10.0.0.2"}),
              is(Verdict::ok, "b.lab is 10.0.0.2"));
  EXPECT_THAT(judge_name("node b", "b.lab", fail({.code = ErrorCode::not_found, .what = "not known"})),
              is(Verdict::problem, "not known"));
  EXPECT_THAT(judge_name("node b", "b.lab", std::vector<std::string>{}), is(Verdict::problem, "b.lab"));
}

TEST(Judge, AClockIsWrongOnlyByMoreThanTheAnswerTook) {
  EXPECT_EQ(judge_clock(100, 100.2, 100.1).verdict, Verdict::ok);
  EXPECT_THAT(judge_clock(100, 100, 103), is(Verdict::warning, "behind"));
  EXPECT_THAT(judge_clock(100, 100, 20), is(Verdict::problem, "ahead of"));
  EXPECT_EQ(judge_clock(100, 110, 107).verdict, Verdict::ok) << "ten seconds for an answer can hide two";
}

TEST(Judge, VersionsAndProcessorsHaveToBeEqual) {
  EXPECT_EQ(judge_version("head", "0.1.0", "0.1.0").verdict, Verdict::ok);
  EXPECT_THAT(judge_version("head", "0.2.0", "0.1.0"), is(Verdict::problem, "0.2.0, and 0.1.0 here"));
  EXPECT_EQ(judge_processor("avx2", "avx2").verdict, Verdict::ok);
  EXPECT_EQ(judge_processor("avx2", "").verdict, Verdict::ok);
  EXPECT_THAT(judge_processor("avx2", "avx512"), is(Verdict::problem, "other bits"));
}

TEST(Judge, KeysEndAndArePrivate) {
  KeyCard card{.name = "b", .not_after = kNow + 400 * 86400.0};
  EXPECT_EQ(judge_card(card, kNow).verdict, Verdict::ok);
  card.not_after = kNow + 5.5 * 86400;
  EXPECT_THAT(judge_card(card, kNow), is(Verdict::warning, "ends in 5 days"));
  card.trouble = Error{.code = ErrorCode::bad_config, .what = "this certificate is expired"};
  EXPECT_THAT(judge_card(card, kNow), is(Verdict::problem, "expired"));
  EXPECT_THAT(judge_card(card, kNow).hint, HasSubstr("keys add DIR b --renew"));
  EXPECT_EQ(judge_mode("keys/b.key", 0600).verdict, Verdict::ok);
  EXPECT_EQ(judge_mode("keys/b.key", 0400).verdict, Verdict::ok);
  for (const unsigned mode : {0644u, 0660u, 0602u, 0610u})
    EXPECT_THAT(judge_mode("keys/b.key", mode).hint, HasSubstr("chmod 600 'keys/b.key'"));
}

TEST(Judge, DataIsReadableAndRunsHaveRoom) {
  PlaceFacts facts{
      .there = true, .folder = true, .readable = true, .writable = true, .nearest = "x", .free = gib(9)};
  EXPECT_EQ(judge_data("gan", "x", facts).verdict, Verdict::ok);
  EXPECT_EQ(judge_runs("x", facts).verdict, Verdict::ok);
  facts.free = gib(1);
  EXPECT_THAT(judge_runs("x", facts), is(Verdict::warning, "1 GiB free"));
  facts.free = mib(1);
  EXPECT_THAT(judge_runs("x", facts), is(Verdict::problem, "1 MiB free"));
  facts.readable = facts.writable = false;
  EXPECT_THAT(judge_data("gan", "x", facts), is(Verdict::problem, "can't be read"));
  EXPECT_THAT(judge_runs("x", facts), is(Verdict::problem, "can't be written"));
  facts.folder = false;
  EXPECT_THAT(judge_runs("x", facts), is(Verdict::problem, "is no folder"));
  EXPECT_THAT(judge_data("gan", "x", {}), is(Verdict::problem, "is not there"));
}

TEST(Judge, TheWayToTheHeadIsFastEnough) {
  EXPECT_EQ(judge_link(0.0005, 1e9).verdict, Verdict::ok);
  EXPECT_EQ(judge_link(0.0005, 0).verdict, Verdict::ok);
  EXPECT_EQ(judge_link(0.2, 1e9).verdict, Verdict::warning);
  EXPECT_EQ(judge_link(0.0005, 1e6).verdict, Verdict::warning);
  EXPECT_EQ(judge_descriptors(20000, 1000).verdict, Verdict::ok);
  EXPECT_THAT(judge_descriptors(1024, 1000), is(Verdict::problem, "1024 open files"));
}

TEST(Judge, AWayIsToldByTheLinkThatItIsLike) {
  PlaneFacts facts{.from = "a", .to = "b", .round_trip_seconds = 0.0002, .there = 0.11e9, .back = 0.09e9};
  const auto finding = judge_plane(facts);
  EXPECT_THAT(finding, is(Verdict::ok,
                          "data plane to b: 0.2 ms there and back, 0.11 GB/s there, 0.09 GB/s back: "
                          "about a 1 Gbit/s link"));
  EXPECT_EQ(finding.hint, "");
  EXPECT_EQ(finding.measured["back_bytes_per_second"], 0.09e9);
  facts.there = facts.back = 1.0e9;
  EXPECT_THAT(judge_plane(facts), is(Verdict::ok, "about a 10 Gbit/s link"));
  EXPECT_THAT(judge_plane(facts).text, Not(HasSubstr("encryption")));
  facts.encrypted = true;
  EXPECT_THAT(judge_plane(facts).text, HasSubstr("or a faster one (encryption ends at about 1 GB/s)"));
  facts.there = facts.back = 20e9;
  EXPECT_THAT(judge_plane(facts).text, HasSubstr("faster than 100 Gbit/s"));
  facts.there = facts.back = 0;
  EXPECT_THAT(judge_plane(facts).text, Not(HasSubstr("GB/s")));
  EXPECT_TRUE(judge_plane(facts).measured["there_bytes_per_second"].is_null());
}

TEST(Judge, AWayThatIsBadSaysWhatToDo) {
  const PlaneFacts good{.from = "a",
                        .to = "b",
                        .round_trip_seconds = 0.0002,
                        .there = 0.11e9,
                        .back = 0.11e9,
                        .control_trip_seconds = 0.0005};
  auto facts = good;
  facts.back = 0.02e9;
  EXPECT_THAT(judge_plane(facts), is(Verdict::warning, "about a 1 Gbit/s link"));
  EXPECT_THAT(judge_plane(facts).hint, HasSubstr("From b to a it is slow"));
  facts.there = 0.015e9;
  EXPECT_THAT(judge_plane(facts).hint, HasSubstr("1 Gbit/s or more"));
  facts = good;
  facts.round_trip_seconds = 0.1;
  EXPECT_THAT(judge_plane(facts).hint, HasSubstr("machines of one network"));
  facts.round_trip_seconds = 0.01;
  EXPECT_THAT(judge_plane(facts).hint, HasSubstr("control connections answer in 0.5 ms"));
  facts.control_trip_seconds = 0;
  EXPECT_EQ(judge_plane(facts).verdict, Verdict::ok) << "nobody knows what to compare it with";
  facts = good;
  facts.there = 5e9;
  facts.back = 1.2e9;
  EXPECT_EQ(judge_plane(facts).verdict, Verdict::ok) << "both are faster than cores are even";
}

TEST(Judge, ALostNodeIsPointedOut) {
  EXPECT_EQ(judge_node({{"name", "b"}, {"state", "up"}, {"round_trip_seconds", 0.001}}).verdict, Verdict::ok);
  EXPECT_THAT(judge_node({{"name", "b"}, {"state", "lost"}, {"why", "its connection closed"}}),
              is(Verdict::warning, "its connection closed"));
  EXPECT_EQ(judge_node({{"name", "b"}, {"state", "up"}, {"round_trip_seconds", 0.4}}).verdict,
            Verdict::warning);
}

TEST(RealProbes, SeeThisMachine) {
  const auto probes = real_probes();
  const TempFolder folder;
  const auto file = folder.write("secret", "x");
  std::filesystem::permissions(file, std::filesystem::perms(0640));
  EXPECT_EQ(probes.mode(file), 0640u);
  EXPECT_EQ(probes.mode(folder / "none"), 0u);
  EXPECT_TRUE(probes.place(folder.path()).writable);
  EXPECT_GT(probes.place(folder.path()).free, Bytes{});
  const auto none = probes.place(folder / "a/b/c");
  EXPECT_FALSE(none.there);
  EXPECT_EQ(none.nearest, folder.path());
  EXPECT_TRUE(probes.listen("127.0.0.1", 0));
  EXPECT_FALSE(probes.listen("192.0.2.1", 0)) << "an address that is kept for examples";
  EXPECT_TRUE(probes.resolve("127.0.0.1"));
  EXPECT_FALSE(probes.resolve("no.such.name.invalid"));
  EXPECT_FALSE(probes.reach("127.0.0.1", 1));
}

/// A cluster of two, whose head answers.
struct DoctorCommand : testing::Test {
  TempFolder folder;
  FakeCommand troupe;
  std::string file = folder
                         .write("cluster.toml", R"([cluster]
name = "t"
unencrypted = true
runs = "runs"
[[node]]
name = "head"
[[node]]
name = "b"
address = "127.0.0.2"
[[job]]
name = "gan"
[job.data]
path = "data"
)")
                         .string();

  void head_answers() {
    troupe.cluster.replies["status"] = {Json{{"cluster", "t"},
                                             {"version", kVersion},
                                             {"unix_time", kNow},
                                             {"instruction_set", ""},
                                             {"port", 4470},
                                             {"metrics_port", 9470}}};
    troupe.cluster.replies["echo"] = {Json{{"data", std::string(1 << 20, '.')}}};
    troupe.cluster.replies["nodes"] = {
        Json{{{"name", "head"}, {"state", "up"}, {"head", true}, {"address", "tcp://127.0.0.1:5000"}},
             {{"name", "b"},
              {"state", "up"},
              {"head", false},
              {"address", "tcp://127.0.0.9:5001"},
              {"round_trip_seconds", 0.001}}}};
    troupe.cluster.replies["measure"] = {Json{{"round_trip_seconds", 0.0003},
                                              {"there_bytes_per_second", 0.11e9},
                                              {"back_bytes_per_second", 0.1e9}}};
  }
  void nobody_answers() {
    troupe.refuses = Error{.code = ErrorCode::not_connected, .what = "nothing listens there"};
  }
};

TEST_F(DoctorCommand, AHealthyHeadThatDoesNotRunYetHasNoProblem) {
  nobody_answers();
  EXPECT_EQ(troupe.run({"doctor", file}), 0) << troupe.out << troupe.err;
  EXPECT_THAT(troupe.out,
              AllOf(HasSubstr("cluster.port (127.0.0.1, port 4470) is free"), HasSubstr("0 problems")));
}

TEST_F(DoctorCommand, PortsOfTheRunningClusterAreItsOwn) {
  head_answers();
  troupe.taken = {4470, 9470};
  EXPECT_EQ(troupe.run({"doctor", file}), 0) << troupe.out << troupe.err;
  EXPECT_THAT(troupe.out, HasSubstr("held by the cluster itself"));
  EXPECT_THAT(troupe.out, HasSubstr("over the control connection: 1 ms there and back, at least"));
}

TEST_F(DoctorCommand, WaysToOtherNodesAreMeasuredByTheNodes) {
  head_answers();
  EXPECT_EQ(troupe.run({"doctor", file, "--json"}), 0) << troupe.out << troupe.err;
  const auto told = Json::parse(troupe.out)["findings"];
  const auto measured =
      std::find_if(told.begin(), told.end(), [](const Json& f) { return f.contains("measured"); });
  ASSERT_NE(measured, told.end()) << told.dump(1);
  EXPECT_EQ((*measured)["topic"], "link");
  EXPECT_EQ((*measured)["measured"]["to"], "b");
  EXPECT_EQ((*measured)["measured"]["there_bytes_per_second"], 0.11e9);
  EXPECT_EQ(troupe.cluster.asked.back(),
            (std::pair<std::string, Json>("measure", {{"from", "head"}, {"to", "b"}})));
  EXPECT_EQ(troupe.run({"doctor", file, "--node", "b", "--no-bandwidth"}), 0) << troupe.out << troupe.err;
  EXPECT_EQ(troupe.cluster.asked.back(),
            (std::pair<std::string, Json>("measure", {{"from", "b"}, {"to", "head"}, {"bytes", 0}})));
  EXPECT_THAT(troupe.out, HasSubstr("data plane to head: 0.3 ms there and back"));
}

TEST_F(DoctorCommand, AWayThatCanNotBeMeasuredIsAProblemAndABusyOneAWarning) {
  head_answers();
  troupe.cluster.replies["measure"] = {
      fail({.code = ErrorCode::peer_missing, .what = "it did not end in time", .hint = "look"})};
  EXPECT_EQ(troupe.run({"doctor", file}), 1);
  EXPECT_THAT(troupe.out, HasSubstr("problem  link       it did not end in time"));
  troupe.cluster.replies["measure"] = {
      fail({.code = ErrorCode::no_capacity, .what = "is being measured", .hint = "later"})};
  EXPECT_EQ(troupe.run({"doctor", file}), 0);
  EXPECT_THAT(troupe.out, HasSubstr("warning  link       is being measured"));
}

TEST_F(DoctorCommand, WithoutItsOwnNodeWaysAreOneLine) {
  head_answers();
  troupe.cluster.replies["nodes"][0]->at(1)["state"] = "lost";
  EXPECT_EQ(troupe.run({"doctor", file, "--node", "b"}), 0) << troupe.out;
  EXPECT_EQ(troupe.cluster.times("measure"), 0);
  EXPECT_THAT(troupe.out, HasSubstr("is not measured: node b is not up"));
  nobody_answers();
  EXPECT_EQ(troupe.run({"doctor", file}), 0);
  EXPECT_THAT(troupe.out, HasSubstr("is not measured: node head is not up"));
}

TEST_F(DoctorCommand, APortThatAnotherProgramHoldsIsAProblem) {
  nobody_answers();
  troupe.taken = {9470};
  EXPECT_EQ(troupe.run({"doctor", file}), 1);
  EXPECT_THAT(troupe.out,
              AllOf(HasSubstr("problem  ports"), HasSubstr("cluster.metrics_port"), HasSubstr("->")));
}

TEST_F(DoctorCommand, ANodeNamesItsOwnTroubles) {
  head_answers();
  troupe.cluster.replies["status"][0]->update(
      {{"version", "9.9.9"}, {"instruction_set", "avx512"}, {"unix_time", 5.0}});
  troupe.places["data"] = {};
  troupe.walled = {"127.0.0.1"};
  EXPECT_EQ(troupe.run({"doctor", file, "--node", "b", "--json"}), 1);
  const auto told = Json::parse(troupe.out);
  EXPECT_EQ(told["problems"], 5) << told.dump(1);
  std::set<std::string> topics;
  for (const auto& f : told["findings"])
    if (f["verdict"] == "problem") {
      topics.insert(f["topic"]);
      EXPECT_NE(f["hint"], "") << f.dump();
    }
  EXPECT_EQ(topics, (std::set<std::string>{"versions", "clocks", "processor", "data", "link"}));
}

TEST_F(DoctorCommand, AHeadThatWasNamedAndDoesNotAnswerIsAProblem) {
  nobody_answers();
  EXPECT_EQ(troupe.run({"doctor", file, "--node", "b"}), 0);
  EXPECT_THAT(troupe.out, HasSubstr("warning  link"));
  EXPECT_EQ(troupe.run({"doctor", file, "--node", "b", "--at", "127.0.0.1:4480"}), 1);
  EXPECT_THAT(troupe.out, HasSubstr("no head answers at 127.0.0.1:4480"));
}

TEST_F(DoctorCommand, WhatTheMachineDoesNotHaveIsAProblem) {
  nobody_answers();
  troupe.descriptors = 64;
  troupe.unknown = {"127.0.0.2"};
  const auto large = folder.write("large.toml",
                                  "[cluster]\nunencrypted = true\n[[node]]\nname = \"head\"\ncores = 64\n"
                                  "[[node]]\nname = \"b\"\naddress = \"127.0.0.2\"\n");
  EXPECT_EQ(troupe.run({"doctor", large.string()}), 1);
  for (const char* topic : {"problem  capacity", "problem  limits", "problem  names"})
    EXPECT_THAT(troupe.out, HasSubstr(topic));
}

TEST_F(DoctorCommand, KeysThatAreMissingExpiredOrOpenAreProblems) {
  nobody_answers();
  const auto text = "[cluster]\nkeys = \"keys\"\n[[node]]\nname = \"head\"\n[[node]]\nname = \"b\"\n";
  const auto locked = folder.write("locked.toml", text).string();
  EXPECT_EQ(troupe.run({"doctor", locked}), 1);
  EXPECT_THAT(troupe.out, HasSubstr("problem  keys"));
  const auto keys = (folder / "keys").string();
  ASSERT_EQ(troupe.run({"keys", "init", keys, "--days", "60"}), 0) << troupe.err;
  EXPECT_EQ(troupe.run({"doctor", locked}), 0) << troupe.out;
  troupe.modes["head.key"] = 0644;
  EXPECT_EQ(troupe.run({"doctor", locked}), 1);
  EXPECT_THAT(troupe.out, HasSubstr("chmod 600"));
  troupe.modes.clear();
  EXPECT_EQ(troupe.run({"doctor", locked, "--node", "b"}), 1) << "b's own keys are not here";
  troupe.services.unix_time = [] { return kNow + 45 * 86400.0; };
  EXPECT_EQ(troupe.run({"doctor", locked}), 0);
  EXPECT_THAT(troupe.out, HasSubstr("warning  keys"));
  troupe.services.unix_time = [] { return kNow + 90 * 86400.0; };
  EXPECT_EQ(troupe.run({"doctor", locked}), 1);
}

TEST_F(DoctorCommand, OtherNodesWithoutKeysAreAProblem) {
  nobody_answers();
  const auto open = folder.write("open.toml", "[[node]]\nname = \"head\"\n[[node]]\nname = \"b\"\n");
  EXPECT_EQ(troupe.run({"doctor", open.string()}), 1);
  EXPECT_THAT(troupe.out, HasSubstr("the head takes no node"));
}

TEST_F(DoctorCommand, WrongUseIsExitTwo) {
  EXPECT_EQ(troupe.run({"doctor", (folder / "none.toml").string()}), 2);
  EXPECT_EQ(troupe.run({"doctor", file, "--at", "nowhere"}), 2);
  EXPECT_EQ(troupe.run({"doctor", file, "--nod", "b"}), 2);
}

}  // namespace
}  // namespace troupe
