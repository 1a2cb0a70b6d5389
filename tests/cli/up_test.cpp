// `up` and `resume` around a faked cluster.
#include "cli/up.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "cli/detach.hpp"
#include "cli/run_folder.hpp"
#include "tests/cli/fakes.hpp"

namespace troupe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

struct Up : testing::Test {
  FakeCommand troupe;
  TempFolder folder;
  std::string file = folder.write("cluster.toml", kCluster).string();
  std::string run = (folder.path() / "run").string();

  void SetUp() override {
    troupe.cluster.replies["status"] = {Json{{"finished", false}}, Json{{"finished", true}}};
    troupe.cluster.replies["jobs"] = {Json::array({running_job()}), finished("finished")};
    troupe.cluster.replies["events"] = {Json{{"next", 0}, {"events", Json::array()}}};
    troupe.cluster.replies["shutdown"] = {Json{{"jobs", Json::array()}}};
  }
  static Json finished(const std::string& state, const Json& error = nullptr) {
    Json job = running_job();
    job.update({{"state", state}, {"error", error}});
    return Json::array({job});
  }
  std::string with(const std::string& more) { return folder.write("c.toml", more + kCluster).string(); }
};

TEST_F(Up, RunsUntilFinishedAndSaysWhereThingsAre) {
  EXPECT_EQ(troupe.run({"up", file, "--run", run}), 0) << troupe.err;
  ASSERT_EQ(troupe.started.size(), 1U);
  EXPECT_EQ(troupe.started[0].run, fs::path(run));
  EXPECT_EQ(troupe.started[0].device.cores.size(), 2U);
  EXPECT_FALSE(troupe.started[0].resume);
  EXPECT_EQ(troupe.cluster.times("shutdown"), 1);
  for (const char* part : {"2 cores of Test CPU", "timeline.png", "summary.md", "gan  finished  250 steps"}) {
    EXPECT_THAT(troupe.out, HasSubstr(part));
  }
  EXPECT_EQ(troupe.err, "");
}

TEST_F(Up, NamesTheRunFolderAfterTheMoment) {
  const auto here = fs::current_path();
  fs::current_path(folder.path());
  EXPECT_EQ(troupe.run({"up", file}), 0) << troupe.err;
  fs::current_path(here);
  EXPECT_EQ(troupe.started.at(0).run, folder.path() / "runs" / "20260131-142233-t");
}

TEST_F(Up, AFailedJobFailsTheCommandAndNamesTheCause) {
  troupe.cluster.replies["jobs"] = {finished("failed", "gan, phase 32x32: error: memory budget exceeded")};
  EXPECT_EQ(troupe.run({"up", file, "--run", run}), 1);
  EXPECT_EQ(troupe.err, "job gan failed: gan, phase 32x32: error: memory budget exceeded\n");
}

TEST_F(Up, CtrlCShutsDownInOrder) {
  troupe.interrupts.after = 3;
  troupe.cluster.replies["status"] = {Json{{"finished", false}}};
  EXPECT_EQ(troupe.run({"up", file, "--run", run}), 130);
  EXPECT_EQ(troupe.cluster.asked.back().first, "shutdown");
  EXPECT_THAT(troupe.err,
              HasSubstr("stopping at the step's edge, writing checkpoints; Ctrl-C again leaves at once"));
  EXPECT_THAT(troupe.err, HasSubstr("troupe resume " + run));
}

TEST_F(Up, CtrlCTellsTheJobsWhoseLastCheckpointDidNotFit) {
  troupe.interrupts.after = 3;
  troupe.cluster.replies["status"] = {Json{{"finished", false}}};
  troupe.cluster.replies["shutdown"] = {
      Json{{"jobs", Json::array()}, {"failed", finished("failed", "a full disk")}}};
  EXPECT_EQ(troupe.run({"up", file, "--run", run}), 130);
  EXPECT_THAT(troupe.err,
              HasSubstr("job gan failed: a full disk\nstopped; go on with `troupe resume " + run));
}

TEST_F(Up, ASummaryThatCouldNotBeWrittenFailsTheCommand) {
  troupe.cluster.replies["shutdown"] = {fail({ErrorCode::io, "can't write", "summary.json", "", "", ""})};
  EXPECT_EQ(troupe.run({"up", file, "--run", run}), 1);
  EXPECT_THAT(troupe.err, HasSubstr("summary.json: error: can't write"));
  EXPECT_THAT(troupe.out, HasSubstr("gan  finished"));
}

TEST_F(Up, StayAndAFileWithoutJobsStayUp) {
  troupe.interrupts.after = 20;
  EXPECT_EQ(troupe.run({"up", file, "--run", run, "--stay"}), 130);
  EXPECT_EQ(troupe.cluster.times("status"), 21);
  troupe.interrupts.after = 20;
  const auto empty = folder.write("empty.toml", "[cluster]\nname = \"e\"\n").string();
  EXPECT_EQ(troupe.run({"up", empty, "--run", run + "2"}), 130);
}

TEST_F(Up, LeavesWhenItIsShutDownFromElsewhere) {
  troupe.cluster.replies["status"] = {Json{{"finished", false}},
                                      Json{{"finished", true}, {"stopping", true}}};
  EXPECT_EQ(troupe.run({"up", file, "--run", run, "--stay"}), 0);
  EXPECT_EQ(troupe.cluster.times("shutdown"), 0);
}

TEST_F(Up, DryRunStartsNothing) {
  EXPECT_EQ(troupe.run({"up", file, "--run", run, "--dry-run"}), 0);
  EXPECT_THAT(troupe.out, HasSubstr("gan  local: cores 0,1, 1 MiB  2 cores  as wanted"));
  EXPECT_EQ(troupe.run({"up", file, "--dry-run", "--json"}), 0);
  EXPECT_EQ(Json::parse(troupe.out)["jobs"]["gan"]["wanted_cores"], 2);
  EXPECT_TRUE(troupe.started.empty());
  EXPECT_FALSE(fs::exists(run));
}

TEST_F(Up, PortsOfTheCommandLineWin) {
  EXPECT_EQ(troupe.run({"up", file, "--run", run, "--port", "0", "--metrics-port", "-1"}), 0) << troupe.err;
  EXPECT_EQ(troupe.started.at(0).config.cluster.port, 0);
  EXPECT_EQ(troupe.started.at(0).config.cluster.metrics_port, -1);
}

TEST_F(Up, MoreThanTheMachineHasIsRefusedBeforeAnythingStarts) {
  struct Case {
    std::string text, part;
  };
  const auto job = [](const char* key) {
    return fmt::format("[[job]]\nname = \"big\"\n{}\n[job.data]\npath = \"d\"\n", key);
  };
  for (const Case& c :
       {Case{"[[node]]\ncores = 3\n", "node local"}, Case{"[[node]]\nmemory = \"9 GiB\"\n", "at most 8 GiB"},
        Case{job("min_cores = 3"), "min_cores = 3; allowed 1 … 2"},
        Case{job("memory = \"8 GiB\""), "more memory than the node has"},
        Case{"[[node]]\nname = \"a\"\ncores = 3\n[[node]]\nname = \"b\"\n", "node a"},
        Case{job("kind = \"gun\""), "no such kind of job"}}) {
    EXPECT_EQ(troupe.run({"up", folder.write("c.toml", c.text).string(), "--run", run}), 2) << c.text;
    EXPECT_THAT(troupe.err, HasSubstr(c.part));
  }
  EXPECT_TRUE(troupe.started.empty());
  EXPECT_FALSE(fs::exists(run));
}

TEST_F(Up, OtherNodesOfTheFileAreNamedAndTheirJobsNotJudged) {
  const auto c = folder.write("c.toml",
                              "[[node]]\nname = \"a\"\n[[node]]\nname = \"b\"\n[[job]]\nname = \"wide\"\n"
                              "min_cores = 3\n[job.data]\npath = \"d\"\n");
  EXPECT_EQ(troupe.run({"up", c.string(), "--run", run}), 0) << troupe.err;
  EXPECT_THAT(troupe.out, HasSubstr("there): b\n"));
}

TEST_F(Up, OversubscribingIsAllowedWhenAskedFor) {
  const auto c =
      folder.write("c.toml", std::string("[[node]]\ncores = 5\noversubscribe = true\n") + kCluster);
  EXPECT_EQ(troupe.run({"up", c.string(), "--run", run}), 0) << troupe.err;
  EXPECT_EQ(troupe.started.at(0).device.cores.size(), 5U);
}

TEST_F(Up, ARunFolderThatCannotBeWrittenIsAnError) {
  const auto plain = folder.write("plain", "a file");
  EXPECT_EQ(troupe.run({"up", file, "--run", (plain / "run").string()}), 1);
  EXPECT_THAT(troupe.err, HasSubstr("plain/run"));
  EXPECT_TRUE(troupe.started.empty());
}

TEST_F(Up, ARunFolderIsNotUsedTwice) {
  folder.write("run/config.toml", kCluster);
  EXPECT_EQ(troupe.run({"up", file, "--run", run}), 2);
  EXPECT_THAT(troupe.err, HasSubstr("holds a run already"));
  EXPECT_THAT(troupe.err, HasSubstr("troupe resume " + run));
}

TEST_F(Up, AnErrorOfTheStartIsPrinted) {
  troupe.start_error = Error{ErrorCode::io, "the port is taken", "127.0.0.1:4470", "", "", "choose another"};
  EXPECT_EQ(troupe.run({"up", file, "--run", run}), 1);
  EXPECT_EQ(troupe.err, "127.0.0.1:4470: error: the port is taken. choose another\n");
}

TEST_F(Up, ABrokenFileIsTwo) {
  EXPECT_EQ(troupe.run({"up", folder.write("c.toml", "[cluster\n").string()}), 2);
  EXPECT_THAT(troupe.err, HasSubstr("c.toml:1:"));
  EXPECT_EQ(troupe.run({"up", "/nowhere/cluster.toml"}), 2);
}

TEST_F(Up, ResumeTakesTheRunsOwnConfigurationAndSubmittedJobs) {
  folder.write("run/config.toml", kCluster);
  folder.write("run/gan/job.toml", "name = \"gan\"\n[data]\npath = \"/data\"\n");
  folder.write("run/small/job.toml", kJob);
  EXPECT_EQ(troupe.run({"resume", run}), 0) << troupe.err;
  ASSERT_EQ(troupe.started.size(), 1U);
  EXPECT_TRUE(troupe.started[0].resume);
  ASSERT_EQ(troupe.started[0].config.jobs.size(), 2U);
  EXPECT_EQ(troupe.started[0].config.jobs[1].name, "small");
}

TEST_F(Up, ResumeRefusesWhatIsRunningFinishedOrNoRun) {
  EXPECT_EQ(troupe.run({"resume", (folder.path() / "none").string()}), 2);
  EXPECT_THAT(troupe.err, HasSubstr("no run folder"));
  folder.write("run/config.toml", kCluster);
  {
    const auto lock = RunLock::take(run);
    ASSERT_TRUE(lock);
    folder.write("run/control.json", R"({"pid": 77, "port": 4480})");
    EXPECT_EQ(troupe.run({"resume", run}), 2);
    EXPECT_THAT(troupe.err, HasSubstr("this run is still running (given process 77, port 4480)"));
  }
  folder.write("run/journal.jsonl", "{\"event\":\"job_finished\",\"job\":\"gan\"}\n");
  EXPECT_EQ(troupe.run({"resume", run}), 2);
  EXPECT_THAT(troupe.err, HasSubstr("this run is finished"));
  EXPECT_TRUE(troupe.started.empty());
}

TEST(Detach, HandsOnWhatMatters) {
  UpOptions options;
  options.file = "/a/c.toml";
  options.stay = true;
  options.port = 0;
  EXPECT_THAT(detached_arguments(options, "/r"),
              ElementsAre("up", "/a/c.toml", "--run", "/r", "--stay", "--port", "0"));
  options.resume = true;
  options.stay = false;
  options.metrics_port = -1;
  EXPECT_THAT(detached_arguments(options, "/r"),
              ElementsAre("resume", "/r", "--port", "0", "--metrics-port", "-1"));
}

TEST_F(Up, ADetachedClusterThatDiesIsReportedWithItsLog) {
  troupe.services.executable = folder.write("dies", "#!/bin/sh\necho one; echo two >&2; exit 2\n");
  fs::permissions(troupe.services.executable, fs::perms::owner_all);
  EXPECT_EQ(troupe.run({"up", file, "--run", run, "--detach"}), 2);
  EXPECT_THAT(troupe.err, HasSubstr("exit 2"));
  EXPECT_THAT(troupe.err, HasSubstr("one\ntwo\n"));
  EXPECT_TRUE(troupe.started.empty());
}

TEST_F(Up, ADetachedClusterIsThereWhenItsPortAnswers) {
  troupe.services.executable = folder.write("lives",
                                            "#!/bin/sh\necho '{\"port\": 4999}' > \"$4/control.tmp\"; mv "
                                            "\"$4/control.tmp\" \"$4/control.json\"; sleep 0.3\n");
  fs::permissions(troupe.services.executable, fs::perms::owner_all);
  troupe.interrupts.after = 0;  // the fake does not wait: a clock that stands would spin on
  struct Patient final : Interrupts {
    bool wait(double) override {
      std::error_code ignored;
      for (int i = 0; i < 2000 && !fs::exists(control, ignored); ++i) ::usleep(1000);
      return false;
    }
    fs::path control;
  } patient;
  patient.control = fs::path(run) / "control.json";
  troupe.services.interrupts = &patient;
  EXPECT_EQ(troupe.run({"up", file, "--run", run, "--detach", "--json"}), 0) << troupe.err;
  EXPECT_EQ(Json::parse(troupe.out)["port"], 4999);
  EXPECT_EQ(troupe.connected, 4999);
}

}  // namespace
}  // namespace troupe
