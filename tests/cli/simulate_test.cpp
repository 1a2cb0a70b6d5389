#include "cli/simulate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/temp_folder.hpp"

namespace troupe {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

class SimulateCommand : public ::testing::Test {
 protected:
  int run() { return run_simulate(options, terminal); }
  std::string file(const std::filesystem::path& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  test::TempFolder folder;
  std::filesystem::path tasks = folder.write(
      "tasks.csv",
      "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\na,4000,1,1,470,\nb,8000,1,1,1000,\n");
  std::filesystem::path jobs = folder.write("jobs.csv",
                                            "timestamp,duration,num_gpus,gpu_time,cluster\n2017-10-09 "
                                            "07:00:00,7200,2,1,x\n2017-10-09 07:00:10,60,2,1,x\n");
  std::filesystem::path nodes =
      folder.write("nodes.csv", "sn,cpu_milli,memory_mib,gpu,model\nn0,96000,1000,2,T4\n");
  SimulateOptions options{tasks, nodes};
  std::stringstream out, err;
  Terminal terminal{out, err};
};

TEST_F(SimulateCommand, PacksTasksByEveryPolicyAndNamesTheBound) {
  options.policies = {"all"};
  EXPECT_EQ(run(), kDone) << err.str();
  for (const char* name : {"random", "gradient_descent", "ours", "No policy can allocate more than"})
    EXPECT_THAT(out.str(), HasSubstr(name));
}

TEST_F(SimulateCommand, RunsJobsAndTellsMachinesTheSame) {
  options.trace = jobs;
  options.policies = {"fifo", "least_attained"};
  options.json = true;
  EXPECT_EQ(run(), kDone) << err.str();
  const auto told = Json::parse(out.str());
  ASSERT_EQ(told["policies"].size(), 2U);
  EXPECT_EQ(told["policies"][0]["longest_waiting_seconds"], 7190);
  EXPECT_EQ(told["jobs"], 2);
}

TEST_F(SimulateCommand, RunsJobsByTheProductionPlannerAndDrawsThem) {
  options.trace = jobs;
  options.policies = {"production", "fifo"};
  options.out = folder / "tables";
  EXPECT_EQ(run(), kDone) << err.str();
  EXPECT_EQ(file(options.out / "production.csv"), file(options.out / "fifo.csv"));
  for (const char* picture : {"timeline.png", "utilisation.png", "completion.png"})
    EXPECT_THAT(file(options.out / picture), ::testing::StartsWith("\x89PNG")) << picture;
}

TEST_F(SimulateCommand, RunsNoMoreOfATraceThanItIsTold) {
  options.trace = jobs;
  options.first = 1;
  options.json = true;
  EXPECT_EQ(run(), kDone) << err.str();
  EXPECT_EQ(Json::parse(out.str())["jobs"], 1);
}

TEST_F(SimulateCommand, RefusesNodesWithoutAGpu) {
  options.trace = jobs;
  options.policies = {"production"};
  options.nodes = folder.write("none.csv", "sn,cpu_milli,memory_mib,gpu,model\nn0,96000,1000,0,\n");
  EXPECT_EQ(run(), kWrongUse);
  EXPECT_THAT(err.str(), HasSubstr("no GPU"));
  options.nodes = folder.write("empty.csv", "sn,cpu_milli,memory_mib,gpu,model\n");
  EXPECT_EQ(run(), kWrongUse);
}

TEST_F(SimulateCommand, WritesATableAPolicy) {
  options.trace = jobs;
  options.policies = {"fifo"};
  options.out = folder / "tables";
  EXPECT_EQ(run(), kDone) << err.str();
  EXPECT_EQ(
      file(options.out / "fifo.csv"),
      "job,submitted,started,finished,waited,parked\n1,0,0.0,7200.0,0.0,0\n2,10,7200.0,7260.0,7190.0,0\n");
  EXPECT_THAT(file(options.out / "summary.csv"), HasSubstr("policy"));
}

TEST_F(SimulateCommand, RefusesWhatIsNoTraceOrNoPolicyAndSaysWhatWouldDo) {
  options.policies = {"lifo"};
  EXPECT_EQ(run(), kWrongUse);
  EXPECT_THAT(err.str(), HasSubstr("best_fit"));
  options.trace = folder.write("what.csv", "a,b\n1,2\n");
  EXPECT_EQ(run(), kWrongUse);
  EXPECT_THAT(err.str(), HasSubstr("https://github.com/alibaba/clusterdata"));
  options.trace = folder / "nowhere.csv";
  EXPECT_EQ(run(), kWrongUse);
  options.nodes = folder.write("none.csv", "sn,cpu_milli,memory_mib,gpu,model\n");
  EXPECT_EQ(run(), kWrongUse);
  EXPECT_THAT(err.str(), HasSubstr("no rows"));
}

TEST_F(SimulateCommand, RefusesNodesWithoutGpusAndJobsThatAreTooLarge) {
  options.nodes = folder.write("cpu.csv", "sn,cpu_milli,memory_mib,gpu,model\nn0,96000,1000,0,\n");
  EXPECT_EQ(run(), kWrongUse);
  EXPECT_THAT(err.str(), HasSubstr("no GPUs"));
  options.trace = jobs;
  EXPECT_EQ(run(), kWrongUse);
  EXPECT_THAT(err.str(), HasSubstr("there is no GPU to run jobs on"));
}

}  // namespace
}  // namespace troupe
