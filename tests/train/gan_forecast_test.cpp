// What a phase takes is known before it begins: forecasts against steps that are run.
#include "train/gan/forecast.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "gpu/torch_allocator.hpp"
#include "tests/train/gan_fakes.hpp"
#include "tests/train/gan_peak.hpp"

namespace troupe::gan {
namespace {

struct Case {
  int fmap_base, fmap_max, batch, shards, channels, to;
};

JobConfig job_of(const Case& c) {
  JobConfig job = test::small_job();
  job.gan.fmap_base = c.fmap_base;
  job.gan.fmap_max = c.fmap_max;
  job.gan.shard_batch = c.batch;
  job.gan.shards = c.shards;
  job.gan.to = c.to;
  job.gan.images = {4 * c.shards * c.batch, 8 * c.shards * c.batch};
  return job;
}

class Forecast : public ::testing::TestWithParam<Case> {
 protected:
  static void SetUpTestSuite() { install_torch_allocator(); }
};

TEST_P(Forecast, IsExactForOneWorkerAndEnoughForSeveral) {
  const Case c = GetParam();
  const JobConfig job = job_of(c);
  GanProgram program(job, std::make_shared<test::BlobPyramid>(c.channels, 4, c.to, 64));
  Workspaces workspaces;
  for (int phase = 0; phase < program.phases(); ++phase) {
    for (const bool first : {true, false}) {
      const std::int64_t step = test::step_of(program, phase, first);
      const Moment moment = program.moment(step);
      const auto shard = forecast_shard(job.gan, program.shape(), phase, moment.fade < 1, workspaces);
      SCOPED_TRACE(moment.phase_name + " fade " + std::to_string(moment.fade));
      EXPECT_EQ(test::peak_of_step(program, step, 1), peak_bytes(shard, c.shards, 1));
      for (int workers : {2, 3})
        EXPECT_LE(test::peak_of_step(program, step, workers), peak_bytes(shard, c.shards, workers));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Configurations, Forecast,
                         ::testing::Values(Case{64, 12, 3, 4, 1, 16}, Case{256, 32, 4, 2, 1, 32},
                                           Case{512, 64, 1, 6, 3, 16}, Case{1024, 48, 4, 2, 1, 32}));

TEST(Forecast, TouchesNoneOfTheMemoryThatItCounts) {
  install_torch_allocator();
  GanConfig config = test::small_job().gan;
  config.fmap_base = 8192;
  config.fmap_max = 64;
  config.to = 256;
  config.shard_batch = 64;
  const NetShape shape{2, 64, 1, config.fmap_base, config.fmap_max, 4, 256};
  Workspaces workspaces;
  const auto shard = forecast_shard(config, shape, 6, true, workspaces);
  EXPECT_GT(peak_bytes(shard, 1, 1), gib(8).count);  // far more than this test may take
}

}  // namespace
}  // namespace troupe::gan
