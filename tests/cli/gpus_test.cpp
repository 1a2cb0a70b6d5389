// A node's key `gpu` in `up`, `up --dry-run` and `doctor`, on machines with and without one.
#include "cli/gpus.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/cli/fakes.hpp"
#include "tests/gpu/fake_driver.hpp"
#include "tests/gpu/fake_nccl.hpp"
#include "tests/gpu/fake_nvml.hpp"

namespace troupe {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

cuda::GpuSurvey an_h100(cuda::DeviceHealth health = {}, cuda::FakeOptions options = {}) {
  auto nvml = std::make_shared<cuda::FakeNvml>();
  nvml->says = std::move(health);
  return cuda::survey_gpus({std::make_shared<cuda::FakeDriver>(options),
                            std::make_shared<cuda::FakeNccl>(std::make_shared<cuda::NcclWorld>()), nvml});
}

struct GpuKey : testing::Test {
  FakeCommand troupe;
  TempFolder folder;
  std::string run = (folder.path() / "run").string();
  int looked = 0;

  void SetUp() override {
    troupe.cluster.replies["status"] = {Json{{"finished", true}}};
    troupe.cluster.replies["jobs"] = {Json::array()};
    troupe.cluster.replies["events"] = {Json{{"next", 0}, {"events", Json::array()}}};
    troupe.cluster.replies["shutdown"] = {Json{{"jobs", Json::array()}}};
  }
  void machine_has(const cuda::GpuSurvey& found) {
    troupe.services.gpus = [this, found] {
      ++looked;
      return found;
    };
  }
  std::string file(const std::string& gpu) {
    return folder.write("c.toml", "[[node]]\nname = \"local\"\n" + gpu + "\n" + kCluster).string();
  }
};

TEST_F(GpuKey, NoneIsTheDefaultAndNobodyLooks) {
  machine_has(an_h100());
  EXPECT_EQ(troupe.run({"up", file(""), "--run", run}), 0) << troupe.err;
  EXPECT_THAT(troupe.out, Not(HasSubstr("GPUs")));
  EXPECT_EQ(looked, 0);
}

/// As the planner is told of a GPU on which jobs can run.
Result<std::vector<GpuDevice>> sliced(const cuda::GpuSurvey& found) {
  GpuDevice device;
  device.name = "gpu0";
  device.model = found.devices.front().facts.name;
  device.pieces = found.devices.front().grid ? 16 : 1;
  return std::vector{device};
}

TEST_F(GpuKey, AutoGivesItToJobsThatAskForIt) {
  machine_has(an_h100());
  troupe.services.slice_gpus = sliced;
  EXPECT_EQ(troupe.run({"up", file("gpu = \"auto\""), "--run", run}), 0) << troupe.err;
  EXPECT_THAT(troupe.out,
              HasSubstr("GPUs: Fake (132 SMs, 80 GiB); jobs that ask for one run on slices of it\n"));
  ASSERT_EQ(troupe.started.size(), 1U);
  ASSERT_EQ(troupe.started.front().gpus.size(), 1U);
  EXPECT_EQ(troupe.started.front().gpus.front().model, "Fake");
  troupe.refuses = Error{.code = ErrorCode::not_connected, .what = "nothing listens there"};
  EXPECT_EQ(troupe.run({"doctor", file("gpu = \"auto\"")}), 0) << troupe.out;
  EXPECT_THAT(troupe.out, HasSubstr("jobs that ask for one run on slices of it"));
}

TEST_F(GpuKey, ANodeThatJoinsOffersItsOwn) {
  machine_has(an_h100());
  troupe.services.slice_gpus = sliced;
  const auto file = folder.write("c.toml", fmt::format("[[node]]\nname = \"local\"\n[[node]]\nname = \"b\"\n"
                                                       "gpu = \"auto\"\n{}",
                                                       kCluster));
  const auto join = [&](const std::string& name) {
    EXPECT_EQ(troupe.run({"up", file.string(), "--node", name, "--at", "127.0.0.1:1"}), 1) << troupe.err;
  };
  join("b");
  ASSERT_EQ(troupe.nodes.size(), 1U) << troupe.err;
  ASSERT_EQ(troupe.nodes.front().gpus.size(), 1U);
  EXPECT_EQ(troupe.nodes.front().gpus.front().name, "gpu0");
  join("c");
  ASSERT_EQ(troupe.nodes.size(), 2U);
  EXPECT_TRUE(troupe.nodes.back().gpus.empty()) << "it was not asked to";
}

TEST_F(GpuKey, WhatCannotBeCutIsGivenWholeToOneJobAfterTheOther) {
  machine_has(an_h100({}, {.green = false}));
  troupe.services.slice_gpus = sliced;
  EXPECT_EQ(troupe.run({"up", file("gpu = \"auto\""), "--run", run}), 0) << troupe.err;
  EXPECT_THAT(troupe.out, HasSubstr("jobs that ask for one have all of it, one after the other\n"));
  troupe.refuses = Error{.code = ErrorCode::not_connected, .what = "nothing listens there"};
  EXPECT_EQ(troupe.run({"doctor", file("gpu = \"auto\"")}), 0) << troupe.out;
  EXPECT_THAT(troupe.out,
              AllOf(HasSubstr("no slices, only the whole device"), HasSubstr("one after the other")));
}

TEST_F(GpuKey, WhatRequiresAGpuThatJobsCannotUseIsExitTwoToo) {
  machine_has(an_h100());
  troupe.services.slice_gpus = [](const cuda::GpuSurvey&) -> Result<std::vector<GpuDevice>> {
    return fail({ErrorCode::not_found, "LibTorch has no CUDA half", "", "", "", "Install its CUDA build"});
  };
  EXPECT_EQ(troupe.run({"up", file("gpu = \"require\""), "--run", run}), 2);
  EXPECT_THAT(troupe.err,
              AllOf(HasSubstr("requires a GPU, but jobs can't run on it: LibTorch has no CUDA half"),
                    HasSubstr(":3:7: node local"), HasSubstr("Install its CUDA build")));
}

TEST_F(GpuKey, AutoTellsWhatIsThereAndWhyJobsDoNotUseIt) {
  machine_has(an_h100());
  EXPECT_EQ(troupe.run({"up", file("gpu = \"auto\""), "--run", run}), 0) << troupe.err;
  EXPECT_THAT(troupe.out,
              HasSubstr("GPUs: Fake (132 SMs, 80 GiB); not used, this troupe was built without LibTorch: "
                        "jobs run on CPU slices\n"));
  EXPECT_EQ(troupe.started.size(), 1U);
  EXPECT_EQ(troupe.run({"up", file("gpu = \"auto\""), "--dry-run"}), 0);
  EXPECT_THAT(troupe.out, HasSubstr("GPUs: Fake"));
  EXPECT_EQ(troupe.run({"up", file("gpu = \"auto\""), "--dry-run", "--json"}), 0);
  const auto told = Json::parse(troupe.out)["gpus"];
  EXPECT_EQ(told["devices"][0]["slices"]["pieces"], 16);
  EXPECT_TRUE(told["none"].is_null());
}

TEST_F(GpuKey, AutoWithoutAGpuIsOneLineAndNoError) {
  EXPECT_EQ(troupe.run({"up", file("gpu = \"auto\""), "--run", run}), 0) << troupe.err;
  EXPECT_THAT(troupe.out, HasSubstr("GPUs: none, there is no GPU driver; jobs run on CPU slices\n"));
  EXPECT_EQ(troupe.err, "");
}

TEST_F(GpuKey, WhatIsRequiredAndNotThereIsExitTwoWithThePlace) {
  const auto asked = file("gpu = \"require\"");
  for (const auto& arguments :
       {std::vector<std::string>{"up", asked, "--run", run}, {"up", asked, "--dry-run"}}) {
    EXPECT_EQ(troupe.run(arguments), 2);
    EXPECT_THAT(
        troupe.err,
        AllOf(HasSubstr(asked + ":3:7: node local"), HasSubstr("requires a GPU, but there is no GPU driver"),
              HasSubstr("gpu = \"require\"; allowed \"auto\" or \"none\""), HasSubstr("nvidia-smi")));
  }
  machine_has(an_h100({}, {.major = 7}));
  EXPECT_EQ(troupe.run({"up", asked, "--run", run}), 2);
  EXPECT_THAT(troupe.err, HasSubstr("too old (Fake (compute capability 7.0))"));
  machine_has(an_h100());
  troupe.services.slice_gpus = sliced;
  EXPECT_EQ(troupe.run({"up", asked, "--dry-run"}), 0) << troupe.err;
  EXPECT_TRUE(troupe.started.empty());
}

TEST_F(GpuKey, JobsThatRequireWhatIsNotOfferedAreRefusedBeforeAnythingStarts) {
  const std::string job = "[[job]]\nname = \"gan\"\ngpu = \"require\"\n", data = "[job.data]\npath = \"d\"\n";
  const auto said = [&](const std::string& node, const std::string& keys) {
    const auto text = fmt::format("[[node]]\nname = \"local\"\n{}\n{}{}\n{}", node, job, keys, data);
    for (const auto& arguments : {std::vector<std::string>{"--run", run}, {"--dry-run"}}) {
      std::vector<std::string> all = {"up", folder.write("c.toml", text).string()};
      all.insert(all.end(), arguments.begin(), arguments.end());
      EXPECT_EQ(troupe.run(all), 2) << text;
    }
    EXPECT_TRUE(troupe.started.empty());
    EXPECT_FALSE(std::filesystem::exists(run));
    return troupe.err;
  };
  EXPECT_THAT(said("", ""), AllOf(HasSubstr("c.toml: job gan"), HasSubstr("no node offers one")));
  machine_has(an_h100());
  troupe.services.slice_gpus = [](const cuda::GpuSurvey& found) -> Result<std::vector<GpuDevice>> {
    auto devices = sliced(found);
    devices->front().pieces = 16;
    devices->front().memory = gib(72);
    return devices;
  };
  EXPECT_THAT(said("gpu = \"auto\"", "memory = \"73 GiB\""), HasSubstr("at most 72 GiB"));
  EXPECT_THAT(said("gpu = \"auto\"", "min_cores = 17"), HasSubstr("more pieces of SMs than the GPU has"));
}

TEST_F(GpuKey, ANodeThatRequiresOneDoesNotJoinWithout) {
  const auto asked = folder
                         .write("two.toml",
                                "[cluster]\nunencrypted = true\n[[node]]\nname = \"a\"\n[[node]]\n"
                                "name = \"b\"\ngpu = \"require\"\n")
                         .string();
  EXPECT_EQ(troupe.run({"up", asked, "--node", "b"}), 2);
  EXPECT_THAT(troupe.err, HasSubstr(":7:7: node b"));
}

TEST_F(GpuKey, AnotherWordIsRefused) {
  EXPECT_EQ(troupe.run({"up", file("gpu = \"yes\""), "--run", run}), 2);
  EXPECT_THAT(troupe.err, HasSubstr("\"none\", \"auto\", \"require\""));
}

TEST_F(GpuKey, DoctorTellsWhatTheDeviceCanDo) {
  troupe.refuses = Error{.code = ErrorCode::not_connected, .what = "nothing listens there"};
  machine_has(
      an_h100({.watts = 71.2, .watts_most = 700.0, .sm_mhz = 345U, .busy_percent = 0U, .throttled = {{}}}));
  EXPECT_EQ(troupe.run({"doctor", file("gpu = \"require\"")}), 0) << troupe.out;
  for (const char* part :
       {"ok       gpu        driver 580.159.04, speaks CUDA 13.0", "green contexts, slices of 8, 16,",
        "71 W of 700, SMs at 345 MHz, busy 0 %, not throttled", "NCCL 2.28.9", "not used, this troupe"})
    EXPECT_THAT(troupe.out, HasSubstr(part));
}

TEST_F(GpuKey, DoctorWarnsOfHeatAndOfDriversWithoutSlices) {
  troupe.refuses = Error{.code = ErrorCode::not_connected, .what = "nothing listens there"};
  machine_has(an_h100({.throttled = cuda::throttling(0x40)}, {.green = false}));
  EXPECT_EQ(troupe.run({"doctor", file("")}), 0) << troupe.out;
  EXPECT_THAT(troupe.out, AllOf(HasSubstr("throttled by heat (by hardware)"),
                                HasSubstr("no slices, only the whole"), HasSubstr("3 warnings")));
}

TEST_F(GpuKey, DoctorWithoutAGpuSaysSoInOneLine) {
  troupe.refuses = Error{.code = ErrorCode::not_connected, .what = "nothing listens there"};
  EXPECT_EQ(troupe.run({"doctor", file("")}), 0) << troupe.out;
  EXPECT_THAT(troupe.out,
              HasSubstr("ok       gpu        none, there is no GPU driver; jobs run on CPU slices\n"));
  EXPECT_EQ(troupe.run({"doctor", file("gpu = \"require\"")}), 1);
  EXPECT_THAT(troupe.out,
              AllOf(HasSubstr("problem  gpu"), HasSubstr("c.toml:3:7: node local: the node requires")));
}

}  // namespace
}  // namespace troupe
