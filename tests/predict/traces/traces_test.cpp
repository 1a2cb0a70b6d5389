// Traces as they are published, and whatever else a file may hold.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.hpp"
#include "predict/traces/alibaba.hpp"
#include "predict/traces/philly.hpp"
#include "tests/temp_folder.hpp"

namespace troupe::traces {
namespace {

using ::testing::HasSubstr;

const std::string kNodes = "sn,cpu_milli,memory_mib,gpu,model\n";
const std::string kTasks =
    "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,"
    "scheduled_time\n";
const std::string kJobs = "timestamp,duration,num_gpus,gpu_time,cluster\n";

TEST(Machines, AreReadAsPublished) {
  const test::TempFolder folder;
  const auto machines =
      read_machines(folder.write("n.csv", kNodes + "openb-node-0000,64000,262144,2,P100\r\n"));
  ASSERT_TRUE(machines);
  ASSERT_EQ(machines->size(), 1U);
  EXPECT_EQ(machines->front().cpu_milli, 64000);
  EXPECT_EQ(machines->front().gpus, 2);
  EXPECT_EQ(machines->front().model, "P100");
}

TEST(Tasks, AreReadAsPublished) {
  const test::TempFolder folder;
  const auto tasks =
      read_tasks(folder.write("p.csv", kTasks + "a,12000,16384,1,460,,LS,Running,0,12537496,0\n"
                                                "b,500,1,0,,,LS,Pending,0,,\n"
                                                "c,1,1,8,1000,V100M16|V100M32,BE,Running,0,1,0\n"));
  ASSERT_TRUE(tasks) << tasks.error().text();
  EXPECT_EQ((*tasks)[0], (pack::Task{12000, 16384, 1, 460, {}}));
  EXPECT_EQ((*tasks)[1], (pack::Task{500, 1, 0, 0, {}}));
  EXPECT_EQ((*tasks)[2], (pack::Task{1, 1, 8, 1000, {"V100M16", "V100M32"}}));
}

TEST(Jobs, AreReadInTheOrderOfSubmission) {
  const test::TempFolder folder;
  const auto jobs = read_jobs(folder.write("j.csv", kJobs + "2017-10-09 07:01:55,66.5,1,66.5,11cb48\n\n"
                                                            "2017-10-08 07:01:55,10,8,80,6214e9\n"));
  ASSERT_TRUE(jobs) << jobs.error().text();
  EXPECT_EQ((*jobs)[0].gpus, 8);
  EXPECT_EQ((*jobs)[0].submitted, 0);
  EXPECT_EQ((*jobs)[1].submitted, 86400);
  EXPECT_EQ((*jobs)[1].duration, 66.5);
}

enum class Kind { nodes, tasks, jobs };
struct Broken {
  const char* name;
  Kind kind;
  std::string text;
  const char* where;  // LINE:COLUMN
  const char* what;
};

Error error_of(Kind kind, const std::filesystem::path& file) {
  Error none{ErrorCode::internal, "it was accepted", "", "", "", ""};
  if (kind == Kind::nodes) {
    const auto read = read_machines(file);
    return read ? none : read.error();
  }
  if (kind == Kind::tasks) {
    const auto read = read_tasks(file);
    return read ? none : read.error();
  }
  const auto read = read_jobs(file);
  return read ? none : read.error();
}

class BrokenTrace : public ::testing::TestWithParam<Broken> {};

TEST_P(BrokenTrace, IsRefusedWithLineAndColumn) {
  const test::TempFolder folder;
  const auto error = error_of(GetParam().kind, folder.write("broken.csv", GetParam().text));
  EXPECT_EQ(error.code, ErrorCode::bad_data) << error.text();
  EXPECT_THAT(error.where, HasSubstr(std::string("broken.csv:") + GetParam().where));
  EXPECT_THAT(error.what, HasSubstr(GetParam().what));
}

INSTANTIATE_TEST_SUITE_P(
    , BrokenTrace,
    ::testing::Values(
        Broken{"Empty", Kind::nodes, "", "1:1", "empty"},
        Broken{"OnlyBlankLines", Kind::jobs, "\n\n", "1:1", "empty"},
        Broken{"NoNodes", Kind::nodes, kNodes, "2:1", "no rows"},
        Broken{"ColumnMissing", Kind::nodes, "sn,cpu_milli,gpu,model\na,1,1,P4\n", "1:1",
               "memory_mib is missing"},
        Broken{"RowTooShort", Kind::nodes, kNodes + "a,1,1,1\n", "2:8", "number of fields"},
        Broken{"RowTooLong", Kind::nodes, kNodes + "a,1,1,1,P4,x\n", "2:13", "number of fields"},
        Broken{"NodeTwice", Kind::nodes, kNodes + "a,1,1,1,P4\na,1,1,1,P4\n", "3:1", "twice"},
        Broken{"NodeWithoutName", Kind::nodes, kNodes + ",1,1,1,P4\n", "2:1", "empty"},
        Broken{"NegativeCpu", Kind::nodes, kNodes + "a,-1,1,1,P4\n", "2:3", "out of range"},
        Broken{"NoCpu", Kind::nodes, kNodes + "a,0,1,1,P4\n", "2:3", "out of range"},
        Broken{"CpuOverflows", Kind::nodes, kNodes + "a,99999999999999999999999,1,1,P4\n", "2:3",
               "out of range"},
        Broken{"TooManyGpus", Kind::nodes, kNodes + "a,1,1,17,P4\n", "2:7", "out of range"},
        Broken{"NotANumber", Kind::nodes, kNodes + "a,1,1e3,1,P4\n", "2:5", "not a whole number"},
        Broken{"Binary", Kind::nodes, kNodes + std::string("\0\xff\x01,1,\x80,1,P4\n", 13), "2:7",
               "not a whole"},
        Broken{"ShareOverOne", Kind::tasks, kTasks + "a,1,1,1,1001,,LS,Running,0,1,0\n", "2:9",
               "out of range"},
        Broken{"ShareOfNothing", Kind::tasks, kTasks + "a,1,1,1,0,,LS,Running,0,1,0\n", "2:9",
               "out of range"},
        Broken{"ShareMissing", Kind::tasks, kTasks + "a,1,1,1,,,LS,Running,0,1,0\n", "2:9",
               "not a whole number"},
        Broken{"NegativeMemory", Kind::tasks, kTasks + "a,1,-5,0,0,,LS,Running,0,1,0\n", "2:5",
               "out of range"},
        Broken{"NoSuchDay", Kind::jobs, kJobs + "2017-02-30 00:00:00,1,1,1,a\n", "2:1", "not a time"},
        Broken{"NoTime", Kind::jobs, kJobs + "yesterday,1,1,1,a\n", "2:1", "not a time"},
        Broken{"NegativeDuration", Kind::jobs, kJobs + "2017-02-03 00:00:00,-1,1,1,a\n", "2:21",
               "out of range"},
        Broken{"DurationIsNan", Kind::jobs, kJobs + "2017-02-03 00:00:00,nan,1,1,a\n", "2:21",
               "out of range"},
        Broken{"DurationIsHuge", Kind::jobs, kJobs + "2017-02-03 00:00:00,1e400,1,1,a\n", "2:21",
               "out of range"},
        Broken{"JobWithoutGpus", Kind::jobs, kJobs + "2017-02-03 00:00:00,1,0,1,a\n", "2:23",
               "out of range"}),
    [](const auto& test) { return test.param.name; });

TEST(Traces, SayWhenTheFileIsNotThere) {
  EXPECT_EQ(read_machines("/nowhere/nodes.csv").error().code, ErrorCode::not_found);
  EXPECT_EQ(read_jobs("/nowhere/jobs.csv").error().code, ErrorCode::not_found);
}

TEST(Traces, SurviveAnyDamage) {
  const test::TempFolder folder;
  const std::string whole =
      kTasks + "a,12000,16384,1,460,V100M16|T4,LS,Running,0,12537496,0\nb,5,1,0,,,LS,P,0,,\n";
  int refused = 0;
  for (int round = 0; round < 400; ++round) {
    Draw draw(round, 0, 0, Purpose::test);
    std::string text = whole;
    for (int change = 0; change < 3; ++change)
      text[draw.below(text.size())] = static_cast<char>(draw.bits() & 0xff);
    text.resize(1 + draw.below(text.size()));
    const auto read = read_tasks(folder.write("t.csv", text));
    if (read) continue;
    ++refused;
    EXPECT_EQ(read.error().code, ErrorCode::bad_data);
    EXPECT_FALSE(read.error().where.empty());
  }
  EXPECT_GT(refused, 200);
}

}  // namespace
}  // namespace troupe::traces
