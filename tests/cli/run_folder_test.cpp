#include "cli/run_folder.hpp"

#include <gmock/gmock.h>

#include "cli/detach.hpp"
#include "tests/cli/fakes.hpp"

namespace troupe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(RunName, SortsByTime) { EXPECT_EQ(run_name("mri", 1769869353), "20260131-142233-mri"); }

TEST(RunLock, IsTakenOnceAndFreeAfterwards) {
  TempFolder run;
  {
    const auto first = RunLock::take(run.path());
    ASSERT_TRUE(first);
    const auto second = RunLock::take(run.path());
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().text(), HasSubstr("still running"));
  }
  EXPECT_TRUE(RunLock::take(run.path()));
  EXPECT_FALSE(RunLock::take(run.path() / "none"));
}

TEST(FinishedJobs, AreThoseWhoseLastEndIsAFinish) {
  TempFolder run;
  run.write("journal.jsonl",
            "{\"event\":\"job_stopped\",\"job\":\"a\"}\n{\"event\":\"job_finished\",\"job\":\"a\"}\nrubbish\n"
            "{\"event\":\"job_finished\",\"job\":\"b\"}\n{\"event\":\"job_failed\",\"job\":\"b\"}\n[]\n"
            "{\"event\":\"job_finished\",\"jo");
  EXPECT_THAT(finished_jobs(run.path()), ElementsAre("a"));
  EXPECT_THAT(finished_jobs(run.path() / "none"), IsEmpty());
}

TEST(LoadRun, LeavesFinishedJobsOut) {
  TempFolder run;
  run.write("config.toml", kCluster);
  run.write("small/job.toml", kJob);
  run.write("journal.jsonl", "{\"event\":\"job_finished\",\"job\":\"gan\"}\n");
  const auto config = load_run(run.path());
  ASSERT_TRUE(config);
  ASSERT_EQ(config->jobs.size(), 1U);
  EXPECT_EQ(config->jobs[0].name, "small");
  EXPECT_EQ(jobs_of_run(run.path())->size(), 2U);
}

TEST(LoadRun, ABrokenJobFileIsAnErrorWithItsPlace) {
  TempFolder run;
  run.write("config.toml", kCluster);
  run.write("small/job.toml", "name = 5\n");
  const auto config = load_run(run.path());
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().front().text(), HasSubstr("small/job.toml:1:"));
}

TEST(ReadControl, IsNullForRubbish) {
  TempFolder run;
  EXPECT_TRUE(read_control(run.path()).is_null());
  run.write("control.json", "{\"port\":");
  EXPECT_TRUE(read_control(run.path()).is_null());
  run.write("control.json", "[1]");
  EXPECT_TRUE(read_control(run.path()).is_null());
}

TEST(LastLines, AreTheLast) {
  EXPECT_EQ(last_lines("a\nb\nc\n", 2), "b\nc");
  EXPECT_EQ(last_lines("a\nb", 5), "a\nb");
  EXPECT_EQ(last_lines("", 5), "");
}

}  // namespace
}  // namespace troupe
