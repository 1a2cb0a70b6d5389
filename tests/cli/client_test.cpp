// The commands that ask a running cluster, against a faked one.
#include <gmock/gmock.h>

#include "cli/event_text.hpp"
#include "tests/cli/fakes.hpp"

namespace troupe {
namespace {

using testing::HasSubstr;

Error no_such_job() {
  return {ErrorCode::not_found, "no such job", "", "gam", "gan, scout", "`troupe jobs` lists them"};
}

TEST(Jobs, PrintsATableOrJson) {
  FakeCommand troupe;
  troupe.cluster.replies["jobs"] = {Json::array({running_job(), parked_job()})};
  EXPECT_EQ(troupe.run({"jobs"}), 0);
  EXPECT_THAT(troupe.out, HasSubstr("waits for 1 core"));
  EXPECT_EQ(troupe.run({"jobs", "--json"}), 0);
  EXPECT_EQ(Json::parse(troupe.out)[1]["name"], "scout");
}

TEST(Port, IsTheOptionThenTheRunThenTheEnvironmentThenTheDefault) {
  FakeCommand troupe;
  TempFolder run;
  run.write("control.json", R"({"pid": 1, "port": 5555})");
  troupe.cluster.replies["jobs"] = {Json::array()};
  EXPECT_EQ(troupe.run({"jobs"}), 0);
  EXPECT_EQ(troupe.connected, 4470);
  troupe.environment["TROUPE_PORT"] = "4711";
  EXPECT_EQ(troupe.run({"jobs"}), 0);
  EXPECT_EQ(troupe.connected, 4711);
  EXPECT_EQ(troupe.run({"jobs", "--run", run.path().string()}), 0);
  EXPECT_EQ(troupe.connected, 5555);
  EXPECT_EQ(troupe.run({"jobs", "--run", run.path().string(), "--port", "6666"}), 0);
  EXPECT_EQ(troupe.connected, 6666);
}

TEST(Port, NonsenseIsRefused) {
  FakeCommand troupe;
  troupe.environment["TROUPE_PORT"] = "44x0";
  EXPECT_EQ(troupe.run({"jobs"}), 2);
  EXPECT_THAT(troupe.err, HasSubstr("TROUPE_PORT: error: not a port (given 44x0; allowed 1 … 65535)"));
  EXPECT_EQ(troupe.run({"jobs", "--port", "70000"}), 2);
  EXPECT_EQ(troupe.connected, 0);
}

TEST(Connecting, ToNobodySaysWhatToDo) {
  FakeCommand troupe;
  troupe.refuses = Error{ErrorCode::not_connected, "no cluster answers", "127.0.0.1:4470", "", "", ""};
  EXPECT_EQ(troupe.run({"jobs"}), 1);
  EXPECT_EQ(troupe.out, "");
  EXPECT_THAT(troupe.err, HasSubstr("127.0.0.1:4470: error: no cluster answers. Start one with `troupe up"));
}

TEST(Connecting, ToAnotherVersionNamesBoth) {
  FakeCommand troupe;
  troupe.refuses = Error{
      ErrorCode::wrong_version, "the cluster is of another version", "127.0.0.1:4470", "0.2.0", "0.1.0", ""};
  EXPECT_EQ(troupe.run({"show", "gan"}), 1);
  EXPECT_THAT(troupe.err, HasSubstr("(given 0.2.0; allowed 0.1.0)"));
}

TEST(Connecting, ToARunThatIsNotThereSaysSo) {
  FakeCommand troupe;
  TempFolder run;
  EXPECT_EQ(troupe.run({"jobs", "--run", run.path().string()}), 1);
  EXPECT_THAT(troupe.err, HasSubstr("no cluster runs in this folder"));
}

TEST(Show, PrintsThePageOrTheError) {
  FakeCommand troupe;
  troupe.cluster.replies["show"] = {running_job(), fail(no_such_job())};
  EXPECT_EQ(troupe.run({"show", "gan"}), 0);
  EXPECT_EQ(troupe.cluster.asked[0].second["job"], "gan");
  EXPECT_THAT(troupe.out, HasSubstr("250 of 1000"));
  EXPECT_EQ(troupe.run({"show", "gam"}), 1);
  EXPECT_THAT(troupe.err, HasSubstr("no such job (given gam; allowed gan, scout)"));
}

Json events(long next, const std::vector<std::string>& kinds) {
  Json list = Json::array();
  for (const auto& kind : kinds) list.push_back({{"event", kind}, {"job", "gan"}, {"time", 0}});
  return {{"next", next}, {"events", list}};
}

TEST(Logs, WithoutFollowEndsWithWhatThereIs) {
  FakeCommand troupe;
  troupe.cluster.replies["show"] = {running_job()};
  troupe.cluster.replies["events"] = {events(2, {"job_submitted", "job_started"})};
  EXPECT_EQ(troupe.run({"logs", "gan"}), 0);
  EXPECT_THAT(troupe.out, HasSubstr("submitted\n"));
  EXPECT_EQ(troupe.cluster.times("events"), 1);
}

TEST(Logs, FollowGoesOnUntilTheJobEnds) {
  FakeCommand troupe;
  troupe.cluster.replies["show"] = {running_job()};
  troupe.cluster.replies["events"] = {events(1, {"job_started"}), events(1, {}),
                                      events(3, {"steps", "job_finished"})};
  EXPECT_EQ(troupe.run({"logs", "-f", "gan"}), 0);
  EXPECT_EQ(troupe.cluster.times("events"), 3);
  EXPECT_EQ(troupe.cluster.asked.back().second["after"], 1);
  EXPECT_EQ(troupe.cluster.asked.back().second["job"], "gan");
}

TEST(Logs, FollowingAJobThatFailsFails) {
  FakeCommand troupe;
  troupe.cluster.replies["show"] = {running_job()};
  troupe.cluster.replies["events"] = {events(1, {"job_failed"})};
  EXPECT_EQ(troupe.run({"logs", "-f", "gan", "--json"}), 1);
  EXPECT_EQ(Json::parse(troupe.out)["event"], "job_failed");
}

TEST(Logs, AJobThatWasResumedIsFollowedPastItsFirstEnd) {
  FakeCommand troupe;
  troupe.cluster.replies["show"] = {running_job()};
  troupe.cluster.replies["events"] = {events(3, {"job_stopped", "job_submitted", "job_started"}),
                                      events(4, {"job_finished"})};
  EXPECT_EQ(troupe.run({"logs", "-f", "gan"}), 0);
  EXPECT_EQ(troupe.cluster.times("events"), 2);
}

TEST(Logs, CtrlCLeavesTheJobAlone) {
  FakeCommand troupe;
  troupe.interrupts.after = 2;
  troupe.cluster.replies["show"] = {running_job()};
  troupe.cluster.replies["events"] = {events(1, {"job_started"}), events(1, {})};
  EXPECT_EQ(troupe.run({"logs", "-f", "gan"}), 130);
  EXPECT_EQ(troupe.cluster.times("stop"), 0);
}

TEST(Logs, OfARunThatIsOverComeFromItsJournal) {
  FakeCommand troupe;
  TempFolder run;
  run.write(
      "journal.jsonl",
      "{\"event\":\"job_started\",\"job\":\"gan\"}\n{\"event\":\"job_started\",\"job\":\"x\"}\n{\"event\"");
  EXPECT_EQ(troupe.run({"logs", "gan", "--run", run.path().string()}), 0);
  EXPECT_THAT(troupe.out, HasSubstr("started\n"));
  EXPECT_EQ(std::count(troupe.out.begin(), troupe.out.end(), '\n'), 1);
  EXPECT_EQ(troupe.run({"logs", "none", "--run", run.path().string()}), 1);
}

TEST(Submit, SendsTheResolvedJobAndItsAbsolutePath) {
  FakeCommand troupe;
  TempFolder folder;
  const auto file = folder.write("small.toml", kJob);
  troupe.cluster.replies["submit"] = {Json{{"job", "small"}}};
  EXPECT_EQ(troupe.run({"submit", file.string()}), 0);
  const Json& sent = troupe.cluster.asked[0].second;
  EXPECT_EQ(sent["file"], file.string());
  const auto job = parse_job(sent["toml"].get<std::string>(), "elsewhere/job.toml");
  ASSERT_TRUE(job);
  EXPECT_EQ(job->data.path, folder.path() / "data");
  EXPECT_THAT(troupe.out, HasSubstr("troupe logs -f small"));
}

TEST(Submit, ABrokenFileNeverReachesTheCluster) {
  FakeCommand troupe;
  TempFolder folder;
  EXPECT_EQ(troupe.run({"submit", folder.write("a.toml", "name = 3\n[gan]\nfade = 7\n").string()}), 2);
  EXPECT_THAT(troupe.err, HasSubstr("a.toml:1:"));
  EXPECT_THAT(troupe.err, HasSubstr("a.toml:3:"));
  EXPECT_EQ(
      troupe.run({"submit",
                  folder.write("b.toml", "name = \"b\"\nkind = \"gun\"\n[data]\npath = \"d\"\n").string()}),
      2);
  EXPECT_THAT(troupe.err, HasSubstr("no such kind of job (given kind = \"gun\"; allowed gan)"));
  EXPECT_EQ(troupe.connected, 0);
}

TEST(Stop, WantsAJobOrAll) {
  FakeCommand troupe;
  EXPECT_EQ(troupe.run({"stop"}), 2);
  EXPECT_EQ(troupe.run({"stop", "gan", "--all"}), 2);
  EXPECT_EQ(troupe.connected, 0);
  troupe.cluster.replies["stop"] = {Json{{"job", "gan"}, {"step", 41}}};
  EXPECT_EQ(troupe.run({"stop", "gan"}), 0);
  EXPECT_EQ(troupe.out, "gan is stopped at step 41; its checkpoint is written\n");
  troupe.cluster.replies["shutdown"] = {Json{{"jobs", Json::array()}}};
  EXPECT_EQ(troupe.run({"stop", "--all", "--json"}), 0);
  EXPECT_TRUE(Json::parse(troupe.out).contains("jobs"));
}

TEST(Stop, TellsTheJobsWhoseLastCheckpointDidNotFit) {
  FakeCommand troupe;
  Json failed = running_job();
  failed.update({{"state", "failed"}, {"error", "a full disk"}});
  troupe.cluster.replies["shutdown"] = {Json{{"jobs", Json::array()}, {"failed", Json::array({failed})}}};
  EXPECT_EQ(troupe.run({"stop", "--all"}), 1);
  EXPECT_EQ(troupe.err, "job gan failed: a full disk\n");
  EXPECT_EQ(troupe.out, "the cluster is stopped\n");
}

TEST(Resize, SendsBytesAndTellsTheReason) {
  FakeCommand troupe;
  troupe.cluster.replies["resize"] = {Json{{"job", "gan"}, {"reason", "pinned to 1 core"}}};
  EXPECT_EQ(troupe.run({"resize", "gan", "--cores", "1", "--memory", "512 MiB"}), 0);
  EXPECT_EQ(troupe.cluster.asked[0].second, (Json{{"job", "gan"}, {"cores", 1}, {"memory", 536870912}}));
  EXPECT_EQ(troupe.out, "gan: pinned to 1 core\n");
  EXPECT_EQ(troupe.run({"resize", "gan", "--auto"}), 0);
  EXPECT_EQ(troupe.cluster.asked[1].second, (Json{{"job", "gan"}, {"cores", nullptr}, {"memory", nullptr}}));
}

TEST(Resize, RefusesWhatMakesNoSense) {
  FakeCommand troupe;
  EXPECT_EQ(troupe.run({"resize", "gan"}), 2);
  EXPECT_EQ(troupe.run({"resize", "gan", "--cores", "0"}), 2);
  EXPECT_EQ(troupe.run({"resize", "gan", "--cores", "2", "--auto"}), 2);
  EXPECT_EQ(troupe.run({"resize", "gan", "--memory", "-3 GiB"}), 2);
  EXPECT_THAT(troupe.err, HasSubstr("--memory: error: "));
  EXPECT_EQ(troupe.connected, 0);
}

}  // namespace
}  // namespace troupe
