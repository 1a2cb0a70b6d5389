#include "train/gan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <functional>
#include <numeric>
#include <thread>

#include <unistd.h>

#include "data/sampler.hpp"
#include "gpu/collective.hpp"
#include "gpu/torch_allocator.hpp"
#include "tests/temp_folder.hpp"
#include "tests/train/gan_fakes.hpp"
#include "train/safetensors.hpp"

namespace troupe {
namespace {

using test::BlobPyramid;
using test::small_job;

/// Runs f(0) … f(n-1) over `threads` threads, each with one LibTorch thread; last first where `reversed`.
void over_threads(int threads, int n, bool reversed, const std::function<void(int)>& f) {
  std::atomic<int> next{0};
  std::vector<std::thread> pool;
  for (int t = 0; t < threads; ++t)
    pool.emplace_back([&] {
      use_one_torch_thread();
      for (int i = next++; i < n; i = next++) f(reversed ? n - 1 - i : i);
    });
  for (auto& thread : pool) thread.join();
}

/// A shard and what it leaves over, its parts last first where `reversed`.
void whole_shard(Program& program, int stage, int shard, std::int64_t step, bool reversed) {
  program.compute(stage, shard, step);
  const int parts = program.parts(stage);
  for (int part = 0; part < parts; ++part)
    program.finish(stage, shard, reversed ? parts - 1 - part : part, step);
}

/// A job driven by hand.
struct HandDriven {
  explicit HandDriven(const JobConfig& job = small_job(), int channels = 1) {
    program = make_gan(job, std::make_shared<BlobPyramid>(channels, 4, 16, 40)).value();
    enter(0);
  }
  void enter(std::int64_t step) {
    const Moment moment = program->moment(step);
    for (const auto& replica : program->replicas()) replica->enter(moment);
    program->enter(moment);
  }
  void compute(std::int64_t step, int threads = 1, bool reversed = false) {
    enter(step);
    auto batch = std::make_shared<Batch>(program->make_batch(step));
    program->batches().restart(step);
    program->batches().push(batch);
    program->begin_step(step);
    for (int stage = 0; stage < program->stages(); ++stage) {
      over_threads(threads, program->shards(), reversed,
                   [&](int shard) { run_shard(*program, stage, shard, step, reversed); });
      const auto reductions = program->reductions(stage);
      for (std::size_t i = 0; i < reductions.size(); ++i) {
        const Reduction& r = reductions[i];
        tree_sum(std::span<const float* const>(r.buffers), r.out, 0, r.n, r.scale);
        // in uneven parts, as many workers would
        over_threads(threads, threads, reversed, [&](int part) {
          const auto n = r.n, parts = static_cast<std::size_t>(threads), k = static_cast<std::size_t>(part);
          program->update(stage, static_cast<int>(i), n * k / parts, n * (k + 1) / parts);
        });
      }
    }
  }
  std::vector<double> step(std::int64_t s, int threads = 1, bool reversed = false) {
    compute(s, threads, reversed);
    program->commit(s);
    std::vector<double> values;
    for (const Score& score : program->scores()) values.push_back(score.value);
    return values;
  }
  std::vector<std::uint64_t> hashes() const {
    std::vector<std::uint64_t> out;
    for (const auto& replica : program->replicas()) out.push_back(replica->hash());
    return out;
  }
  std::shared_ptr<Program> program;
  std::function<void(Program&, int stage, int shard, std::int64_t step, bool reversed)> run_shard =
      whole_shard;
};

/// The shard's own buffer of the one reduction that it is a member of.
std::span<float> gradient_of(Program& program, int stage, int shard) {
  for (const Reduction& r : program.reductions(stage))
    for (std::size_t i = 0; i < r.shards.size(); ++i)
      if (r.shards[i] == shard) return {const_cast<float*>(r.buffers[i]), r.n};
  return {};
}

TEST(Gan, ComputesTheSameBitsInAnyOrderOnAnyThread) {
  HandDriven one, three;
  for (std::int64_t step = 0; step < one.program->steps(); ++step)
    EXPECT_EQ(one.step(step, 1, false), three.step(step, 3, true)) << "step " << step;
  EXPECT_EQ(one.hashes(), three.hashes());
}

TEST(Gan, PartsWriteNothingButWhatTheySay) {
  HandDriven job, plain;
  job.run_shard = [](Program& program, int stage, int shard, std::int64_t step, bool) {
    program.compute(stage, shard, step);
    const auto gradient = gradient_of(program, stage, shard);
    for (int part = 0; part < program.parts(stage); ++part) {
      const auto writes = program.writes(stage, part);
      ASSERT_FALSE(writes.empty());
      const std::vector<float> before(gradient.begin(), gradient.end());
      program.finish(stage, shard, part, step);
      for (std::size_t i = 0; i < gradient.size(); ++i) {
        const bool named = std::any_of(writes.begin(), writes.end(),
                                       [i](const Elements& e) { return e.begin <= i && i < e.end; });
        if (!named) {
          ASSERT_EQ(gradient[i], before[i]) << "element " << i << " of part " << part << ", stage " << stage;
        }
      }
    }
  };
  for (std::int64_t step = 0; step < job.program->steps(); ++step)
    EXPECT_EQ(job.step(step), plain.step(step));
  EXPECT_EQ(job.hashes(), plain.hashes());
}

TEST(Gan, SeedsDecideTheBits) {
  auto job = small_job();
  HandDriven one(job);
  job.seed = 6;
  HandDriven other(job);
  EXPECT_NE(one.hashes(), other.hashes());
  EXPECT_NE(one.step(0), other.step(0));
}

TEST(Gan, ARolledBackStepNeverHappened) {
  HandDriven straight, stumbling;
  for (std::int64_t step = 0; step < 7; ++step) {
    straight.step(step);
    const auto before = stumbling.hashes();
    stumbling.compute(step);
    stumbling.program->roll_back();
    if (stumbling.program->moment(step).phase_first != step) {
      EXPECT_EQ(stumbling.hashes(), before);
    }
    stumbling.step(step);
    EXPECT_EQ(straight.hashes(), stumbling.hashes()) << "step " << step;
  }
}

TEST(Gan, ARollBackAfterTheFirstStageLeavesNoTrace) {
  HandDriven straight, stumbling;
  straight.step(0);
  stumbling.step(0);
  stumbling.compute(1);  // its critic's update is pending, and its effective weights are read
  stumbling.program->roll_back();
  stumbling.program->begin_step(1);
  over_threads(1, 1, false, [&](int shard) { whole_shard(*stumbling.program, 0, shard, 1, false); });
  const float after = stumbling.program->reductions(0)[0].buffers[0][0];
  straight.compute(1);
  EXPECT_EQ(after, straight.program->reductions(0)[0].buffers[0][0]);
}

TEST(Gan, EveryNetworkLearnsInEveryStep) {
  HandDriven run;
  for (std::int64_t step = 0; step < 6; ++step) {
    const auto before = run.hashes();
    const auto scores = run.step(step);
    EXPECT_THAT(scores, testing::Each(testing::Truly([](double v) { return std::isfinite(v); })));
    const auto after = run.hashes();
    for (std::size_t i = 0; i < before.size(); ++i)
      EXPECT_NE(before[i], after[i]) << run.program->replicas()[i]->name();
  }
}

TEST(Gan, ReductionsOfGeneratorsCoverTheirOwnShards) {
  HandDriven run;
  ASSERT_EQ(run.program->reductions(0).size(), 1U);
  EXPECT_THAT(run.program->reductions(0)[0].shards, testing::ElementsAre(0, 1, 2, 3));
  ASSERT_EQ(run.program->reductions(1).size(), 2U);
  EXPECT_THAT(run.program->reductions(1)[0].shards, testing::ElementsAre(0, 2));
  EXPECT_THAT(run.program->reductions(1)[1].shards, testing::ElementsAre(1, 3));
  EXPECT_EQ(run.program->replicas()[static_cast<std::size_t>(run.program->reductions(1)[1].replica)]->name(),
            "generator1");
  EXPECT_FLOAT_EQ(run.program->reductions(1)[1].scale, 0.5F);
}

TEST(Gan, GrowthKeepsWhatOldLayersLearned) {
  HandDriven run;
  for (std::int64_t step = 0; step < 4; ++step) run.step(step);
  const test::TempFolder folder;
  const auto tensors = [&](std::size_t replica, const char* name) {
    const auto file = folder.path() / name;
    EXPECT_TRUE(run.program->replicas()[replica]->snapshot()->write(file));
    return read_safetensors(file).value();
  };
  const auto critic = tensors(0, "critic"), generator = tensors(1, "generator");
  run.enter(4);
  const auto grown_critic = tensors(0, "critic2"), grown_generator = tensors(1, "generator2");
  for (const auto& [old, grown] : {std::pair{&critic, &grown_critic}, {&generator, &grown_generator}}) {
    EXPECT_GT(grown->values.size(), old->values.size());
    for (const auto& [name, values] : old->values) EXPECT_EQ(values, grown->values.at(name)) << name;
  }
  EXPECT_TRUE(grown_generator.values.contains("generator.8.up.weight"));
  EXPECT_TRUE(grown_generator.values.contains("generator.8.up.weight.average"));
  const auto hashes = run.hashes();
  run.enter(4);
  EXPECT_EQ(hashes, run.hashes()) << "entering twice";
}

TEST(Gan, ASnapshotGoesOnToTheSameBits) {
  const test::TempFolder folder;
  for (const std::int64_t at : {3, 4, 6}) {  // in a phase, at the edge of one, while fading
    HandDriven straight;
    for (std::int64_t step = 0; step < at; ++step) straight.step(step);
    HandDriven resumed;
    resumed.enter(0);
    for (std::size_t i = 0; i < straight.program->replicas().size(); ++i) {
      const auto file = folder.path() / std::to_string(i);
      ASSERT_TRUE(straight.program->replicas()[i]->snapshot()->write(file));
      const auto restored = resumed.program->replicas()[i]->restore(file, resumed.program->moment(at));
      ASSERT_TRUE(restored) << restored.error().text();
    }
    for (std::int64_t step = at; step < 8; ++step) EXPECT_EQ(straight.step(step), resumed.step(step)) << step;
    EXPECT_EQ(straight.hashes(), resumed.hashes());
  }
}

TEST(Gan, RefusesTheStateOfAnotherReplica) {
  const test::TempFolder folder;
  HandDriven run;
  const auto before = run.hashes();
  const auto file = folder.path() / "state";
  ASSERT_TRUE(run.program->replicas()[1]->snapshot()->write(file));
  for (const std::size_t i : {0U, 2U}) {
    const auto restored = run.program->replicas()[i]->restore(file, run.program->moment(0));
    ASSERT_FALSE(restored);
    EXPECT_EQ(restored.error().code, ErrorCode::bad_data);
  }
  auto wider = small_job();
  wider.gan.fmap_max = 16;
  HandDriven other(wider);
  const auto restored = other.program->replicas()[1]->restore(file, other.program->moment(0));
  ASSERT_FALSE(restored);
  EXPECT_THAT(restored.error().text(), testing::HasSubstr("shape"));
  EXPECT_EQ(before, run.hashes());
}

TEST(Gan, SamplesAreAFunctionOfStateAndSeed) {
  HandDriven run(small_job(), 3);
  for (std::int64_t step = 0; step < 5; ++step) run.step(step);
  const Moment moment = run.program->moment(5);
  const auto& generator = *run.program->replicas()[1];
  const auto nine = generator.sample(9, 4, moment).value(), three = generator.sample(3, 4, moment).value();
  ASSERT_EQ(nine.size(), 9U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(nine[i].pixels, three[i].pixels);
  EXPECT_EQ(nine[0].width, 8);
  EXPECT_EQ(nine[0].channels, 3);
  EXPECT_NE(nine[0].pixels, nine[1].pixels);
  EXPECT_NE(nine[0].pixels, generator.sample(1, 5, moment).value()[0].pixels);
  EXPECT_NE(nine[0].pixels, run.program->replicas()[2]->sample(1, 4, moment).value()[0].pixels);
  for (const float v : nine[0].pixels) EXPECT_TRUE(v >= 0 && v <= 1);
  EXPECT_FALSE(run.program->replicas()[0]->sample(1, 4, moment));
}

TEST(Gan, NeedsGrowWithThePhases) {
  HandDriven run;
  EXPECT_DOUBLE_EQ(run.program->relative_seconds(0), 1);
  for (int phase = 1; phase < run.program->phases(); ++phase) {
    EXPECT_GT(run.program->relative_seconds(phase), run.program->relative_seconds(phase - 1));
    EXPECT_GT(run.program->relative_bytes(phase), run.program->relative_bytes(phase - 1));
  }
}

TEST(Gan, BatchesFollowTheSampler) {
  HandDriven run;
  const Batch batch = run.program->make_batch(5);
  EXPECT_EQ(batch.size, 8);
  EXPECT_EQ(batch.count, 12);
  EXPECT_EQ(batch.images.size(), 12U * 64U);
  const BlobPyramid pyramid(1, 4, 16, 40);
  std::vector<float> wanted(64);
  pyramid.read(Pyramid::Part::train, 8, Sampler(5, 40).running(5 * 12 + 7), wanted);
  EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), batch.images.begin() + 7 * 64));
  const auto images = run.program->real_images(4, run.program->moment(5));
  ASSERT_EQ(images.size(), 4U);
  EXPECT_EQ(images[3].pixels.size(), 64U);
}

TEST(Gan, RefusesJobsThatTheDataDoesNotFit) {
  const auto refused = [](const std::function<void(GanConfig&)>& change) {
    auto job = small_job();
    change(job.gan);
    const auto program = make_gan(job, std::make_shared<BlobPyramid>(1, 4, 16, 4));
    return !program && program.error().code == ErrorCode::bad_config;
  };
  EXPECT_TRUE(refused([](GanConfig& g) { g.to = 32; }));
  EXPECT_TRUE(refused([](GanConfig& g) { g.from = 6; }));
  EXPECT_TRUE(refused([](GanConfig& g) { g.from = 16, g.to = 8; }));
  EXPECT_TRUE(refused([](GanConfig& g) { g.shards = 3; }));
  EXPECT_TRUE(refused([](GanConfig& g) { g.shard_batch = 0; }));
  EXPECT_FALSE(refused([](GanConfig&) {}));
}

}  // namespace
}  // namespace troupe
