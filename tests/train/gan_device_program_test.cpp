// The GAN as a program on a device, whole: against the CPU's program over phases that fade in, through
// roll-backs, checkpoints and copies, and on a slice with its graphs and its wall, the device being the host.
#include "train/gan/device/program.hpp"

#include <c10/core/ScalarType.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/temp_folder.hpp"
#include "tests/train/gan_fakes.hpp"
#include "tests/train/gan_steps.hpp"
#include "tests/train/host_gpu.hpp"
#include "train/gan/device/forecast.hpp"
#include "train/gan/device/slice_runtime.hpp"

namespace troupe::gan {
namespace {

using test::BlobPyramid;
using test::small_job;

std::shared_ptr<GanProgram> on_host(const JobConfig& job = small_job()) {
  return std::make_shared<GanProgram>(job, std::make_shared<BlobPyramid>(1, 4, 16, 40));
}
std::shared_ptr<DeviceProgram> on_device(const DeviceOptions& options = {},
                                         const JobConfig& job = small_job()) {
  return std::make_shared<DeviceProgram>(on_host(job), make_host_runtime(options));
}

/// All steps up to `end`, phase by phase, on one core.
void run_to(const std::shared_ptr<Program>& program, std::int64_t end, std::int64_t from = 0) {
  while (from < end) {
    const std::int64_t stop = std::min(end, program->moment(from).phase_end);
    const auto run = test::run_steps_under(program, from, stop, 1, gib(4));
    ASSERT_FALSE(run.error) << run.error->text();
    from = stop;
  }
}
std::vector<std::uint64_t> hashes(Program& program) {
  std::vector<std::uint64_t> all;
  for (const auto& replica : program.replicas()) all.push_back(replica->hash());
  return all;
}
std::vector<float> parameters(Replica& replica) {
  const auto bytes = replica.state().front();
  const auto* from = reinterpret_cast<const float*>(bytes.data());
  return {from, from + bytes.size() / sizeof(float)};
}
/// |a - b| as a share of |b|.
double off(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    size += b[i] * b[i];
  }
  return std::sqrt(difference / size);
}

TEST(ADeviceProgram, TrainsAsTheCpusDoes) {
  const auto host = on_host();
  const auto device = on_device();
  const std::int64_t end = host->steps();
  ASSERT_GT(host->moment(end - 1).phase, 1);
  run_to(host, end);
  run_to(device, end);
  for (std::size_t i = 0; i < host->replicas().size(); ++i) {
    const auto a = parameters(*device->replicas()[i]), b = parameters(*host->replicas()[i]);
    ASSERT_EQ(a.size(), b.size());
    EXPECT_LT(off(a, b), 1e-3) << host->replicas()[i]->name();
  }
  const auto wanted = host->scores(), got = device->scores();
  for (std::size_t i = 0; i < wanted.size(); ++i)
    EXPECT_NEAR(got[i].value, wanted[i].value, 1e-2 * std::abs(wanted[i].value) + 1e-3) << wanted[i].name;
}

TEST(ADeviceProgram, RollsAStepBackToTheBit) {
  const auto whole = on_device(), stumbling = on_device();
  run_to(whole, 4);
  run_to(stumbling, 3);
  const auto before = hashes(*stumbling);
  stumbling->batches().restart(3);
  ASSERT_TRUE(stumbling->batches().push(std::make_shared<const Batch>(stumbling->make_batch(3))));
  stumbling->begin_step(3);
  for (int s = 0; s < stumbling->shards(); ++s) stumbling->compute(0, s, 3);
  for (const Reduction& r : stumbling->reductions(0)) {
    tree_sum(std::span<const float* const>(r.buffers), r.out, 0, r.n, r.scale);
    stumbling->update(0, 0, 0, r.n);
  }
  stumbling->compute(1, 0, 3);  // the critic's update is made, and not committed
  stumbling->roll_back();
  EXPECT_EQ(hashes(*stumbling), before);
  run_to(stumbling, 4, 3);
  EXPECT_EQ(hashes(*stumbling), hashes(*whole));
  EXPECT_NE(hashes(*stumbling), before);
}

TEST(ADeviceProgram, ItsCheckpointsAreTheCpusToo) {
  const test::TempFolder folder;
  const auto first = on_device();
  const std::int64_t at = first->moment(0).phase_end + 2;
  run_to(first, at);
  const auto host = on_host();
  const auto second = on_device();
  for (std::size_t i = 0; i < first->replicas().size(); ++i) {
    const auto file = folder / std::to_string(i);
    ASSERT_TRUE(first->replicas()[i]->snapshot()->write(file));
    ASSERT_TRUE(host->replicas()[i]->restore(file, host->moment(at)));
    ASSERT_TRUE(second->replicas()[i]->restore(file, second->moment(at)));
  }
  EXPECT_EQ(hashes(*second), hashes(*first));
  EXPECT_EQ(hashes(*host), hashes(*first));
  EXPECT_EQ(first->data_identity(), host->data_identity());
  EXPECT_NE(first->data_identity(), 0U) << "a checkpoint names the images that it was trained by";
  run_to(first, at + 2, at);
  run_to(second, at + 2, at);
  EXPECT_EQ(hashes(*second), hashes(*first)) << "it goes on with the same bits";
}

TEST(ADeviceProgram, IsCopiedByItsState) {
  const auto first = on_device(), second = on_device();
  run_to(first, 3);
  run_to(second, 1);
  for (std::size_t i = 0; i < first->replicas().size(); ++i) {
    const auto from = first->replicas()[i]->state(), to = second->replicas()[i]->state();
    ASSERT_EQ(from.size(), to.size());
    for (std::size_t part = 0; part < from.size(); ++part)
      std::copy(from[part].begin(), from[part].end(), to[part].begin());
    second->replicas()[i]->adopt();
  }
  EXPECT_EQ(hashes(*second), hashes(*first));
  run_to(first, 4, 3);
  run_to(second, 4, 3);
  EXPECT_EQ(hashes(*second), hashes(*first));
}

TEST(ADeviceProgram, InHalfPrecisionLosesNoSmallUpdate) {
  JobConfig job = small_job();
  job.gan.learning_rate = 1e-5;  // a bfloat16 has 8 bits: it would not move by that
  const auto program = on_device({.compute = at::kBFloat16}, job);
  run_to(program, 1);
  const auto start = parameters(*program->replicas()[0]);
  run_to(program, 4, 1);
  const auto moved = parameters(*program->replicas()[0]);
  std::size_t changed = 0, nonzero = 0;
  for (std::size_t i = 0; i < start.size(); ++i) {
    nonzero += start[i] != 0 ? 1 : 0;
    changed += start[i] != moved[i] ? 1 : 0;
  }
  EXPECT_GT(changed, nonzero * 9 / 10);
}

/// The same program on a slice of a "GPU".
struct OnASlice {
  std::shared_ptr<test::HostDriver> driver = std::make_shared<test::HostDriver>();
  std::shared_ptr<const cuda::CutDevice> cut = cuda::cut_device(*driver, 0).value();
  std::unique_ptr<cuda::GpuSlice> slice;
  test::HostHalf half;
  std::shared_ptr<DeviceProgram> program;

  explicit OnASlice(Bytes budget) {
    slice = cuda::GpuSlice::open(driver, cut,
                                 {.owner = "job small", .run = {0, 2}, .budget = budget, .most = gib(1)})
                .value();
    slice->account()->set_phase("4x4");
    const auto kernels =
        std::make_shared<const cuda::Kernels>(cuda::Kernels::open(TROUPE_HOST_KERNELS).value());
    program = std::make_shared<DeviceProgram>(on_host(),
                                              make_slice_runtime({driver, kernels, slice.get(), &half}, {}));
  }
};

TEST(ADeviceProgram, OnASliceHasTheSameBitsWithItsStepsReplayed) {
  const auto plain = on_device();
  OnASlice on{gib(1)};
  const std::int64_t end = plain->steps();
  run_to(plain, end);
  run_to(on.program, end);
  EXPECT_EQ(hashes(*on.program), hashes(*plain));
  const auto facts = on.half.facts();
  EXPECT_GT(facts.replays, facts.eager_runs) << "nothing of a step was left out of its input tensors";
  EXPECT_GT(on.slice->account()->held(), Bytes{});
  on.program.reset();
  EXPECT_EQ(on.slice->account()->held(), Bytes{}) << "all its blocks went back";
}

TEST(ADeviceProgram, OnASliceThatChangesItsSizeKeepsItsBits) {
  const auto plain = on_device();
  OnASlice on{gib(1)};
  run_to(plain, 8);
  for (std::int64_t step = 0; step < 8; ++step) {
    run_to(on.program, step + 1, step);
    ASSERT_TRUE(on.slice->ask({0, step % 2 == 0 ? 4U : 2U}, gib(1)));
    const auto switched = on.slice->at_step_edge();
    ASSERT_TRUE(switched && *switched);
    ASSERT_TRUE(on.half.renew());
  }
  EXPECT_EQ(hashes(*on.program), hashes(*plain));
  EXPECT_EQ(on.half.facts().replays, 0) << "each size captures anew";
}

/// Bytes that a slice of the host's memory holds at most in each phase.
std::vector<Bytes> peaks(const JobConfig& job, const DeviceOptions& options) {
  const auto driver = std::make_shared<test::HostDriver>();
  const auto account = std::make_shared<Account>("job small", gib(1));
  const auto slice =
      cuda::GpuSlice::open(driver, cuda::cut_device(*driver, 0).value(),
                           {.owner = {}, .run = {0, 2}, .budget = gib(1), .most = gib(1), .account = account})
          .value();
  test::ChargedHalf half(account);
  const auto kernels =
      std::make_shared<const cuda::Kernels>(cuda::Kernels::open(TROUPE_HOST_KERNELS).value());
  const auto program = std::make_shared<DeviceProgram>(
      on_host(job), make_slice_runtime({driver, kernels, slice.get(), &half}, options));
  std::vector<Bytes> all;
  for (std::int64_t from = 0; from < program->steps();) {
    const Moment moment = program->moment(from);
    for (const auto& replica : program->replicas()) replica->enter(moment);
    account->reset_peak();
    const std::int64_t fades = from + 2, settled = moment.phase_end - 2;
    run_to(program, fades, from);
    run_to(program, moment.phase_end, settled);
    all.push_back(account->peak());
    from = moment.phase_end;
  }
  return all;
}

TEST(ADeviceProgram, ItsMemoryIsForetold) {
  install_torch_allocator();
  use_one_torch_thread();
  JobConfig narrow = small_job(), wide = small_job();
  wide.gan.fmap_base = 512;
  wide.gan.fmap_max = 64;
  wide.gan.shard_batch = 4;
  wide.gan.generators = wide.gan.shards = 1;
  wide.gan.latent = 64;
  meta::Measured measured;
  DeviceOptions half;
  half.compute = at::kBFloat16;
  for (const auto& [job, options] :
       {std::pair{narrow, DeviceOptions{}}, {wide, DeviceOptions{}}, {narrow, half}, {wide, half}}) {
    const auto held = peaks(job, options);
    ASSERT_EQ(held.size(), 3U);
    const auto host = on_host(job);
    for (int phase = 0; phase < 3; ++phase) {
      const auto told = forecast_device(job.gan, host->shape(), phase, options, measured);
      const double off = static_cast<double>((told.blocks + told.tensors).count) /
                         static_cast<double>(held[static_cast<std::size_t>(phase)].count);
      // the host's products of bfloat16 have scratch of their own, which nobody measures
      const bool exact = options.compute == at::kFloat;
      EXPECT_GE(off, exact ? 1.0 : 0.97) << "never under: phase " << phase;
      EXPECT_LT(off, exact ? 1.01 : 1.03) << "and close: phase " << phase;
      EXPECT_GE(on_gpu(told), held[static_cast<std::size_t>(phase)]);
      EXPECT_EQ(DeviceProgram(host, options.compute).forecast(phase)->bytes, on_gpu(told));
      EXPECT_GT(on_gpu(told), told.blocks + told.tensors + told.tensors);
    }
  }
}

TEST(ADeviceProgram, PastItsWallFailsAndNamesItself) {
  OnASlice on{kib(64)};
  try {
    const Moment moment = on.program->moment(0);
    on.program->enter(moment);
    FAIL() << "64 KiB were enough";
  } catch (const ErrorException& e) {
    EXPECT_EQ(e.error().code, ErrorCode::over_budget);
    for (const char* part : {"job small", "4x4", "64 KiB"})
      EXPECT_THAT(e.error().text(), testing::HasSubstr(part));
  }
}

}  // namespace
}  // namespace troupe::gan
