#pragma once
// A cluster whose node has "GPUs": drivers made of counters, memory of the host's, steps in LibTorch's
// operators on the CPU.
#include <map>

#include "gpu/torch_allocator.hpp"
#include "tests/actors/harness.hpp"
#include "tests/train/gan_fakes.hpp"
#include "tests/train/host_parts.hpp"
#include "tests/train/locked_driver.hpp"
#include "train/gan.hpp"
#include "train/gan/device/gpu_slices.hpp"

namespace troupe::toy {

using test::LockedDriver;

/// A machine's GPU number `number`.
struct HostGpu {
  std::shared_ptr<LockedDriver> driver;
  GpuDevice device;

  explicit HostGpu(cuda::FakeOptions options = {}, Bytes memory = gib(1), int number = 0)
      : driver(std::make_shared<LockedDriver>(std::make_shared<test::HostDriver>(options))) {
    device = gan::gpu_device(driver->device(0).value(), number, test::host_parts(driver, memory));
  }
  /// Objects and blocks of the device that are still there.
  std::size_t left() {
    return driver->alone([](test::HostDriver& d) { return d.live() + d.blocks(); });
  }
};

/// Of forty-five steps over three phases.
inline JobConfig gpu_job(const std::string& name, std::int64_t seed = 5) {
  JobConfig job = test::small_job();
  job.name = name;
  job.seed = seed;
  job.gpu = GpuUse::require;
  job.samples = 2;
  job.checkpoint_seconds = 0;
  job.gan.images = {180};
  return job;
}

inline ClusterOptions gpu_options(const std::filesystem::path& run, std::vector<JobConfig> jobs,
                                  const std::vector<const HostGpu*>& gpus) {
  auto o = options_of(run, std::move(jobs), {}, 2);
  for (const auto* gpu : gpus) o.gpus.push_back(gpu->device);
  o.thread_setup = use_one_torch_thread;
  o.kinds["gan"] = [](const ProgramContext& context) {
    return make_gan(context.job, std::make_shared<test::BlobPyramid>(1, 4, 16, 40));
  };
  return o;
}

/// Alone on a GPU of the head's, to its end. Each job once, told by its seed and images.
inline Bits alone_on_gpu(const JobConfig& job) {
  static std::map<std::pair<std::int64_t, decltype(job.gan.images)>, Bits> known;
  const auto [at, is_new] = known.try_emplace({job.seed, job.gan.images});
  if (!is_new) return at->second;
  TempFolder folder;
  HostGpu gpu;
  auto cluster = start(gpu_options(folder.path(), {job}, {&gpu}));
  const auto end = wait_for(*cluster, job.name, over);
  EXPECT_EQ(end["state"], "finished") << end.dump(2);
  return at->second = bits_of(folder.path(), end);
}

}  // namespace troupe::toy
