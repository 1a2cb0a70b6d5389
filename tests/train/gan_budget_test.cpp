// A slice whose wall is the predicted demand: no step is refused; below the prediction the wall is hit.
#include <gtest/gtest.h>

#include "predict/demand_table.hpp"
#include "tests/train/gan_fakes.hpp"
#include "tests/train/gan_steps.hpp"
#include "train/gan/forecast.hpp"
#include "train/gan/program.hpp"

namespace troupe::gan {
namespace {

class PredictedBudget : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { install_torch_allocator(); }
  PredictedBudget() {
    job.gan.fmap_base = 256;
    job.gan.fmap_max = 32;
    job.gan.shard_batch = 8;
    job.gan.images = {4 * 32};
    program = std::make_shared<GanProgram>(job, std::make_shared<test::BlobPyramid>(1, 4, 16, 64));
  }
  Demand demand(int phase) {
    const auto at = program->moment(first_step(phase));
    return table.demand({phase, at.phase_name, 1, 1, program->forecast(phase), {}}, {});
  }
  std::int64_t first_step(int phase) const {
    std::int64_t step = 0;
    while (program->moment(step).phase < phase) step = program->moment(step).phase_end;
    return step;
  }
  /// The whole phase, its newest layers fading in and then in.
  test::StepsRun run_phase(int phase, int cores, Bytes wall) {
    const Moment m = program->moment(first_step(phase));
    return test::run_steps_under(program, m.phase_first, m.phase_end, cores, wall, 10);
  }
  JobConfig job = test::small_job();
  std::shared_ptr<GanProgram> program;
  DemandTable table;
};

TEST_F(PredictedBudget, RefusesNothingFrom4To16) {
  for (int phase = 0; phase < program->phases(); ++phase)
    for (const int cores : {1, 2, 4}) {
      const auto run = run_phase(phase, cores, demand(phase).wall_for(cores));
      EXPECT_FALSE(run.error) << run.error->text();
      EXPECT_EQ(run.refusals, 0) << phase << " on " << cores;
      EXPECT_EQ(run.seconds.size(), 4u);
    }
}

TEST_F(PredictedBudget, IsTightOnOneCore) {
  for (int phase = 0; phase < program->phases(); ++phase) {
    const Bytes told = program->forecast(phase)->bytes;
    EXPECT_EQ(run_phase(phase, 1, told).refusals, 0) << phase;
    const auto run = run_phase(phase, 1, Bytes{told.count * 9 / 10});
    ASSERT_TRUE(run.error) << phase;
    EXPECT_EQ(run.error->code, ErrorCode::over_budget);
    EXPECT_GT(run.refusals, 0);
  }
}

TEST_F(PredictedBudget, ToldIsTheWorkOfAStepToo) {
  double before = 0;
  for (int phase = 0; phase < program->phases(); ++phase) {
    const auto told = program->forecast(phase);
    EXPECT_EQ(told->shards, job.gan.shards);
    EXPECT_GT(told->shard.flops(), 2 * before);
    EXPECT_GT(told->bytes_a_worker, Bytes{});
    EXPECT_LT(told->bytes_a_worker, told->bytes);
    before = told->shard.flops();
  }
}

TEST_F(PredictedBudget, CountsTheSamplesMadeAtAPhasesEnd) {
  // one image a shard and four generators: eight samples of each take more than a step
  job.gan.generators = 4;
  job.gan.shards = 4;
  job.gan.shard_batch = 1;
  job.gan.images = {4 * 4};
  program = std::make_shared<GanProgram>(job, std::make_shared<test::BlobPyramid>(1, 4, 16, 64));
  Workspaces workspaces;
  const NetShape& shape = program->shape();
  const auto shard = forecast_shard(job.gan, shape, 2, false, workspaces);
  const std::int64_t samples = sample_bytes(job.gan, shape, 2, true, workspaces);
  ASSERT_GT(4 * samples, peak_bytes(shard, 4, 1));
  EXPECT_EQ(program->forecast(2)->bytes.count, 4 * samples);

  const Moment last = program->moment(program->steps() - 1);
  for (const auto& replica : program->replicas()) replica->enter(last);
  const auto account = std::make_shared<Account>("samples", gib(1));
  {
    const AccountScope charge(account);
    auto fading = last;
    fading.fade = 0.5;
    ASSERT_TRUE(program->replicas().back()->sample(10, 1, fading));
  }
  EXPECT_EQ(account->peak().count, samples);
}

}  // namespace
}  // namespace troupe::gan
