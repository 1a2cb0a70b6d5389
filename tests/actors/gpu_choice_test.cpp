#include "actors/gpu_choice.hpp"

#include <gmock/gmock.h>

namespace troupe {
namespace {

using testing::HasSubstr;

const std::vector<GpuPlace> kTwo = {{"n:gpu0", "Fake", 64, 8, 8, gib(40)},
                                    {"n:gpu1", "Fake", 132, 8, 16, gib(80)}};

JobConfig asking(GpuUse use) {
  JobConfig job;
  job.name = "gan";
  job.gpu = use;
  return job;
}

TEST(GpuChoice, IsTheGpuWithTheFewestJobsThatIsLargeEnough) {
  auto job = asking(GpuUse::require);
  EXPECT_EQ(choose_gpu(job, kTwo, {}), "n:gpu0") << "the first of equals";
  EXPECT_EQ(choose_gpu(job, kTwo, {{"n:gpu0", 1}}), "n:gpu1");
  EXPECT_EQ(choose_gpu(job, kTwo, {{"n:gpu0", 1}, {"n:gpu1", 2}}), "n:gpu0");
  job.min_cores = 9;
  EXPECT_EQ(choose_gpu(job, kTwo, {{"n:gpu1", 5}}), "n:gpu1");
  job.min_cores = 1;
  job.memory = gib(60);
  EXPECT_EQ(choose_gpu(job, kTwo, {{"n:gpu1", 5}}), "n:gpu1");
  EXPECT_EQ(choose_gpu(asking(GpuUse::none), kTwo, {}), "");
}

TEST(GpuChoice, ANameIsTheNodesAndTheGpus) {
  EXPECT_TRUE(names_gpu("b:gpu0"));
  EXPECT_FALSE(names_gpu("b"));
  EXPECT_EQ(process_of("b:gpu0"), "b");
  EXPECT_EQ(process_of("b"), "b");
  EXPECT_EQ(gpu_of("b:gpu0"), "gpu0");
  EXPECT_EQ(gpu_of("b"), "");
}

TEST(GpuChoice, AModelIsTheSameOrNone) {
  auto gpus = kTwo;
  gpus.push_back({"n:gpu2", "Other", 132, 8, 16, gib(80)});
  EXPECT_EQ(gpus_of_model(gpus, "Fake").size(), 2U);
  EXPECT_EQ(gpus_of_model(gpus, "Other").front().node, "n:gpu2");
  EXPECT_TRUE(gpus_of_model(gpus, "None").empty());
  EXPECT_EQ(gpus_of_model(gpus, "").size(), 3U) << "of a job that was on none";
}

TEST(GpuChoice, WithoutAGpuOnlyWhoRequiresOneIsRefused) {
  EXPECT_EQ(choose_gpu(asking(GpuUse::automatic), {}, {}), "");
  EXPECT_EQ(choose_gpu(asking(GpuUse::automatic), kTwo, {}), "n:gpu0");
  EXPECT_EQ(choose_gpu(asking(GpuUse::require), {}, {}).error().exit_code(), 2);
}

TEST(GpuChoice, WhatTheGpuDoesNotHaveIsToldInWords) {
  auto job = asking(GpuUse::require);
  const std::vector one = {kTwo.front()};
  EXPECT_EQ(view_of(one.front()).cores.size(), 8U);
  EXPECT_TRUE(choose_gpu(job, one, {}));
  job.min_cores = 9;
  const auto pieces = choose_gpu(job, one, {});
  ASSERT_FALSE(pieces);
  EXPECT_EQ(pieces.error().code, ErrorCode::no_capacity);
  EXPECT_THAT(pieces.error().text(), HasSubstr("more pieces of SMs than the GPU has"));
  job.min_cores = 1;
  job.memory = gib(41);
  const auto memory = choose_gpu(job, one, {});
  ASSERT_FALSE(memory);
  EXPECT_THAT(memory.error().text(), HasSubstr("at most 40 GiB"));
}

}  // namespace
}  // namespace troupe
