#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gpu/cuda/survey.hpp"
#include "tests/gpu/fake_driver.hpp"
#include "tests/gpu/fake_nccl.hpp"
#include "tests/gpu/fake_nvml.hpp"

namespace troupe::cuda {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

GpuLibraries fakes(FakeOptions options = {}) {
  return {std::make_shared<FakeDriver>(options), std::make_shared<FakeNccl>(std::make_shared<NcclWorld>()),
          std::make_shared<FakeNvml>()};
}

TEST(GpuSurvey, TellsDevicesAndHowTheyAreCut) {
  const auto found = survey_gpus(fakes());
  EXPECT_FALSE(found.none);
  EXPECT_EQ(found.driver, 13000);
  EXPECT_EQ(cuda_version_text(found.driver), "13.0");
  EXPECT_EQ(nccl_version_text(found.nccl.value()), "2.28.9");
  ASSERT_EQ(found.devices.size(), 1U);
  EXPECT_TRUE(found.devices[0].usable);
  EXPECT_EQ(found.devices[0].grid->pieces, 16U);
  EXPECT_TRUE(found.devices[0].health);
}

TEST(GpuSurvey, SaysWhyThereIsNone) {
  auto libraries = fakes();
  libraries.driver = open_driver("libcuda_of_no_machine.so.1");
  libraries.nccl = open_nccl({});
  libraries.nvml = open_nvml("libnvml_of_no_machine.so.1");
  const auto found = survey_gpus(libraries);
  ASSERT_TRUE(found.none);
  EXPECT_EQ(found.driver, 0);
  EXPECT_FALSE(found.none->hint.empty());
  EXPECT_THAT(found.nvml.error().text(), HasSubstr("there is no NVML"));
  EXPECT_FALSE(found.nccl);
}

TEST(GpuSurvey, ADriverWithoutGreenContextsLeavesTheWholeDevice) {
  const auto found = survey_gpus(fakes({.green = false}));
  EXPECT_FALSE(found.none);
  EXPECT_THAT(found.devices.at(0).grid.error().what, HasSubstr("no green contexts"));
}

TEST(GpuSurvey, NoDeviceAndOldDevicesAreNone) {
  auto none = survey_gpus(fakes({.devices = 0}));
  EXPECT_THAT(none.none.value().text(), HasSubstr("CUDA_VISIBLE_DEVICES"));
  auto old = survey_gpus(fakes({.major = 7}));
  EXPECT_THAT(old.none.value().text(),
              testing::AllOf(HasSubstr("too old"), HasSubstr("7.0"), HasSubstr("8.0")));
  ASSERT_EQ(old.devices.size(), 1U) << "it is listed all the same";
  EXPECT_FALSE(old.devices[0].usable);
}

TEST(GpuSurvey, AnErrorOfAnyQuestionIsTold) {
  for (const char* call : {"version", "devices", "device"}) {
    auto driver = std::make_shared<FakeDriver>();
    driver->fail_name = call;
    auto libraries = fakes();
    libraries.driver = driver;
    EXPECT_THAT(survey_gpus(libraries).none.value().what, HasSubstr(call));
  }
}

TEST(Nvml, ThrottlingIsToldInWords) {
  EXPECT_TRUE(throttling(0).reasons.empty());
  EXPECT_TRUE(throttling(0x1).reasons.empty()) << "a device at rest";
  EXPECT_THAT(throttling(0x4).reasons, ElementsAre("its power limit"));
  EXPECT_FALSE(throttling(0x4 | 0x2).trouble);
  for (const std::uint64_t bit : {0x8, 0x20, 0x40, 0x80}) EXPECT_TRUE(throttling(bit).trouble) << bit;
  EXPECT_EQ(throttling(0x1ff).reasons.size(), 8U);
}

TEST(Nvml, OfALibraryIsRead) {
  const auto nvml = open_nvml(TROUPE_NVML_LIBRARY);
  ASSERT_TRUE(nvml.has_value()) << nvml.error().text();
  EXPECT_EQ((*nvml)->driver().value(), "580.159.04");
  const auto health = (*nvml)->health("0000:1b:00.0");
  ASSERT_TRUE(health.has_value()) << health.error().text();
  EXPECT_NEAR(health->watts.value(), 71.25, 1e-9);
  EXPECT_FALSE(health->watts_most) << "it refused to tell";
  EXPECT_FALSE(health->celsius) << "it has no such question";
  EXPECT_EQ(health->sm_mhz, 345U);
  EXPECT_EQ(health->memory_mhz, 2619U);
  EXPECT_EQ(health->busy_percent, 12U);
  EXPECT_EQ(health->memory_busy_percent, 3U);
  EXPECT_EQ(health->memory_used, gib(1));
  EXPECT_THAT(health->throttled.value().reasons, ElementsAre("heat (by hardware)"));
  const DeviceSample sample = sample_of(*health);
  EXPECT_NEAR(sample.sm_hertz.value(), 345e6, 1);
  EXPECT_NEAR(sample.memory_hertz.value(), 2619e6, 1);
  EXPECT_NEAR(sample.busy_ratio.value(), 0.12, 1e-9);
  EXPECT_NEAR(sample.memory_busy_ratio.value(), 0.03, 1e-9);
  EXPECT_EQ(sample.memory_used, gib(1));
  EXPECT_FALSE(sample.celsius || sample.watts_most);
  EXPECT_THAT(sample.throttled_by, ElementsAre("heat (by hardware)"));
  const auto none = (*nvml)->health("0000:99:00.0");
  EXPECT_EQ(none.error().code, ErrorCode::not_found);
  EXPECT_THAT(none.error().text(), HasSubstr("Not Found"));
}

TEST(Nvml, AnotherLibraryIsRefused) {
  EXPECT_THAT(open_nvml("libm.so.6").error().text(), HasSubstr("it is no NVML"));
}

}  // namespace
}  // namespace troupe::cuda
