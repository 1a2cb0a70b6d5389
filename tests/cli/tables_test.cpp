#include "cli/tables.hpp"

#include <gmock/gmock.h>

#include "tests/cli/fakes.hpp"

namespace troupe {
namespace {

using testing::HasSubstr;

TEST(JobsTable, HasALineAJob) {
  EXPECT_EQ(jobs_table(Json::array({running_job(), parked_job()})),
            "NAME   KIND  STATE    PHASE  DONE  IMAGES/S   CORES  MEMORY HELD/BUDGET        LEFT  REASON\n"
            "gan    gan   running  32x32  25 %       512       2   100 MiB / 512 MiB  3 min 10 s\n"
            "scout  gan   parked   32x32  25 %      0.00  0 of 1   100 MiB / 512 MiB           -  waits for "
            "1 core: gan "
            "(priority 10) holds 2 of 2\n");
  EXPECT_EQ(jobs_table(Json::array()), "no jobs\n");
  EXPECT_EQ(jobs_table(Json(nullptr)), "no jobs\n");
}

TEST(JobsTable, SaysThatASliceIsAGpus) {
  Json job = running_job();
  job.update(
      {{"gpu",
        {{"device", "local:gpu0"}, {"model", "H100"}, {"sms", 16}, {"of_sms", 132}, {"sms_a_piece", 8}}},
       {"slices", {{{"node", "local:gpu0"}, {"cores", {0, 1}}, {"unit", "piece"}, {"memory", 1048576}}}}});
  EXPECT_THAT(jobs_table(Json::array({job})), HasSubstr("2 (16 SMs)"));
  const std::string page = job_page(job);
  for (const char* part :
       {"local:gpu0, H100: 16 of 132 SMs in force, in pieces of 8", "local:gpu0: pieces 0,1, 1 MiB"})
    EXPECT_THAT(page, HasSubstr(part));
  EXPECT_THAT(job_page(running_job()), testing::Not(HasSubstr("SMs")));
}

TEST(NodesTable, TellsTheGpusOfANode) {
  const Json gpu = {{"name", "local:gpu0"}, {"state", "drained"}, {"model", "H100"},         {"sms", 132},
                    {"pieces", 16},         {"memory", 1L << 36}, {"jobs", {"gan", "other"}}};
  const auto text = nodes_table(
      Json::array({{{"name", "local"}, {"state", "up"}, {"cores", 2}, {"gpus", Json::array({gpu})}}}));
  for (const char* part : {"local:gpu0", "16 pieces", "64 GiB", "H100, 132 SMs", "gan,other", "drained"})
    EXPECT_THAT(text, HasSubstr(part));
}

TEST(JobsTable, FailureStandsWhereTheReasonWould) {
  Json job = running_job();
  job.update({{"state", "failed"}, {"reason", "runs"}, {"error", "memory budget exceeded"}});
  EXPECT_THAT(jobs_table(Json::array({job})), HasSubstr("memory budget exceeded"));
}

TEST(JobsTable, TellsWhenAWaitingJobStartsAndThatItWillBeLate) {
  Json job = parked_job();
  job.update(
      {{"starts", "in about 5 min 00 s, when gan ends"}, {"late", "it will miss its deadline by about 2 h"}});
  EXPECT_THAT(
      jobs_table(Json::array({job})),
      HasSubstr("holds 2 of 2; starts: in about 5 min 00 s, when gan ends; it will miss its deadline"));
  job.update({{"user", "ann"}, {"due", true}, {"waited_seconds", 60}, {"deadline_in_seconds", -5.0}});
  const std::string page = job_page(job);
  for (const char* part : {"ann", "due: before all priorities", "ago; it will miss its deadline"})
    EXPECT_THAT(page, HasSubstr(part));
}

TEST(JobPage, TellsSlicesPhasesAndConfiguration) {
  Json job = running_job();
  job.update({{"config", "name = \"gan\""},
              {"hash", "00ff"},
              {"resizes", 3},
              {"slices", {{{"node", "local"}, {"cores", {0, 1}}, {"unit", "core"}, {"memory", 1048576}}}},
              {"predicted",
               {{"step_seconds", 0.04},
                {"measured_step_seconds", 0.05},
                {"step_error", 0.2},
                {"learned_steps", 0},
                {"memory", 4194304},
                {"memory_headroom", 0.25},
                {"slowdown", 1.2},
                {"measured_slowdown", 1.25},
                {"measured_memory", 2097152}}},
              {"phases",
               {{{"name", "4x4"},
                 {"peak", 2097152},
                 {"predicted", 3145728},
                 {"images_per_second", 1500.0},
                 {"seconds", 12.0}}}}});
  const std::string page = job_page(job);
  for (const char* part :
       {"local: cores 0,1, 1 MiB", "4x4", "2 MiB", "1500", "name = \"gan\"\n", "00ff",
        "told 40 ms, takes 50 ms: 20.0 % off, never measured before",
        "told 4 MiB, took 2 MiB so far; 25 % headroom", "told 1.20 times slower than alone, took 1.25",
        "3 MiB", "250 of 1000 (25.0 %)", "critic 1.23"}) {
    EXPECT_THAT(page, HasSubstr(part));
  }
}

TEST(PlanTable, SaysWhoGetsWhat) {
  const Json plan = {
      {"jobs", {{"gan", {{"grants", Json::array()}, {"wanted_cores", 1}, {"reason", "waits"}}}}}};
  EXPECT_EQ(plan_table(plan), "JOB  GETS  WANTS   REASON\ngan  -     1 core  waits\n");
  EXPECT_THAT(plan_table({{"jobs", Json::object()}}), HasSubstr("no jobs"));
}

TEST(ClosingLines, TellHowFarEachCame) {
  EXPECT_EQ(closing_lines(Json::array({running_job()})), "  gan  running  250 steps  4000 images\n");
}

TEST(ProgressShare, StaysBetweenNoneAndAll) {
  EXPECT_EQ(progress_share(Json::object()), 0);
  EXPECT_EQ(progress_share({{"step", 5}, {"steps", 0}}), 0);
  EXPECT_EQ(progress_share({{"step", 9}, {"steps", 3}}), 1);
}

}  // namespace
}  // namespace troupe
