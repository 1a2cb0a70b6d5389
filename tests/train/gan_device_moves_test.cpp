// The GAN as a program on a device that comes and goes: its networks wait in the host's memory meanwhile.
#include <gtest/gtest.h>

#include "tests/train/gan_fakes.hpp"
#include "tests/train/gan_steps.hpp"
#include "tests/train/host_parts.hpp"
#include "train/gan/device/program.hpp"

namespace troupe::gan {
namespace {

std::shared_ptr<GanProgram> on_host() {
  return std::make_shared<GanProgram>(test::small_job(), std::make_shared<test::BlobPyramid>(1, 4, 16, 40));
}
void run(const std::shared_ptr<Program>& program, std::int64_t from, std::int64_t end) {
  const auto done = test::run_steps_under(program, from, end, 1, gib(4));
  ASSERT_FALSE(done.error) << done.error->text();
}
std::vector<std::uint64_t> hashes(Program& program) {
  std::vector<std::uint64_t> all;
  for (const auto& replica : program.replicas()) all.push_back(replica->hash());
  return all;
}

/// A "GPU" of the host's memory, and a slice of it.
struct Gpu {
  std::shared_ptr<test::HostDriver> driver = std::make_shared<test::HostDriver>();
  std::unique_ptr<DeviceSlice> slice;

  explicit Gpu(Bytes budget) {
    const auto make = make_gpu_slices(test::host_parts(driver));
    slice = make({"small", std::make_shared<Account>("job small", gib(1)), {0, 1}, budget}).value();
  }
};

void leave(DeviceProgram& program) {
  for (const auto& replica : program.replicas()) (void)replica->state();
  program.leave();
}

TEST(ADeviceProgram, GoesFromOneDeviceToAnotherWithTheSameBits) {
  const auto still = std::make_shared<DeviceProgram>(on_host(), at::kFloat),
             moved = std::make_shared<DeviceProgram>(on_host(), at::kFloat);
  Gpu one(gib(1)), first(gib(1)), second(gib(1));
  still->use(*one.slice);
  moved->use(*first.slice);
  const std::int64_t phase = still->moment(0).phase_end;
  run(still, 0, phase);
  run(moved, 0, 2);
  leave(*moved);
  EXPECT_EQ(first.driver->blocks(), 0U) << "nothing of it is on the device";
  moved->use(*second.slice);
  run(moved, 2, phase);
  EXPECT_EQ(hashes(*moved), hashes(*still));
  leave(*moved);
  for (const auto& replica : moved->replicas()) replica->enter(moved->moment(phase));  // on no device
  moved->use(*first.slice);
  run(moved, phase, phase + 2);
  run(still, phase, phase + 2);
  EXPECT_EQ(hashes(*moved), hashes(*still));
  leave(*moved);
  leave(*still);
}

TEST(ADeviceProgram, WithoutADeviceIsCopiedAndRestored) {
  const auto program = std::make_shared<DeviceProgram>(on_host(), at::kFloat),
             copy = std::make_shared<DeviceProgram>(on_host(), at::kFloat);
  Gpu gpu(gib(1));
  program->use(*gpu.slice);
  run(program, 0, 2);  // of the four of the phase
  for (std::size_t i = 0; i < program->replicas().size(); ++i) {
    copy->replicas()[i]->enter(copy->moment(0));
    const auto from = program->replicas()[i]->state(), to = copy->replicas()[i]->state();
    for (std::size_t part = 0; part < from.size(); ++part)
      std::copy(from[part].begin(), from[part].end(), to[part].begin());
    copy->replicas()[i]->adopt();
    EXPECT_TRUE(copy->replicas()[i]->snapshot());
  }
  EXPECT_EQ(hashes(*copy), hashes(*program));
  leave(*program);
  copy->use(*gpu.slice);
  run(copy, 2, 4);
  leave(*copy);
  program->use(*gpu.slice);
  run(program, 2, 4);
  EXPECT_EQ(hashes(*copy), hashes(*program));
  leave(*program);
}

TEST(ADeviceProgram, WhatDidNotFitIsTakenWholeOnceItDoes) {
  const auto still = std::make_shared<DeviceProgram>(on_host(), at::kFloat),
             program = std::make_shared<DeviceProgram>(on_host(), at::kFloat);
  Gpu plain(gib(1)), gpu(kib(1));
  still->use(*plain.slice);
  program->use(*gpu.slice);
  int refused = 0;
  for (auto budget = kib(4); budget < mib(4); budget += kib(4)) {
    try {
      for (const auto& replica : program->replicas()) replica->enter(program->moment(0));
      program->enter(program->moment(0));
      break;
    } catch (const ErrorException& e) {
      ASSERT_EQ(e.error().code, ErrorCode::over_budget);
      ++refused;
    }
    ASSERT_TRUE(gpu.slice->take({0, 1}, budget));
  }
  EXPECT_GT(refused, 4);
  ASSERT_TRUE(gpu.slice->take({0, 1}, gib(1)));
  run(still, 0, 3);
  run(program, 0, 3);
  EXPECT_EQ(hashes(*program), hashes(*still));
  leave(*program);
  leave(*still);
}

}  // namespace
}  // namespace troupe::gan
