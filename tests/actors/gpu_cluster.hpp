#pragma once
// A cluster whose node has "GPUs": drivers made of counters, memory of the host's, steps in LibTorch's
// operators on the CPU.
#include <mutex>

#include "gpu/torch_allocator.hpp"
#include "tests/actors/harness.hpp"
#include "tests/train/gan_fakes.hpp"
#include "tests/train/host_gpu.hpp"
#include "train/gan.hpp"
#include "train/gan/device/gpu_slices.hpp"

namespace troupe::toy {

/// One driver for all slices of a device, as a real one is; the fake under it is for one thread.
class LockedDriver final : public cuda::Driver {
 public:
  explicit LockedDriver(std::shared_ptr<test::HostDriver> of) : of_(std::move(of)) {}
  /// With nobody else inside.
  template <class F>
  auto alone(const F& f) {
    const std::lock_guard lock(mutex_);
    return f(*of_);
  }
  /// Whoever makes a context does this first.
  void before_context(std::function<void()> f) {
    const std::lock_guard lock(mutex_);
    before_context_ = std::move(f);
  }
  Result<int> version() override {
    return alone([](auto& d) { return d.version(); });
  }
  Result<int> devices() override {
    return alone([](auto& d) { return d.devices(); });
  }
  Result<cuda::DeviceFacts> device(int n) override {
    return alone([&](auto& d) { return d.device(n); });
  }
  Result<void> enter(int n) override {
    return alone([&](auto& d) { return d.enter(n); });
  }
  Result<cuda::SmResource> sm_resource(int n) override {
    return alone([&](auto& d) { return d.sm_resource(n); });
  }
  Result<cuda::Split> split(const cuda::SmResource& whole, unsigned parts, unsigned least) override {
    return alone([&](auto& d) { return d.split(whole, parts, least); });
  }
  Result<cuda::Context> make_context(std::span<const cuda::SmResource> parts) override {
    std::function<void()> first;
    {
      const std::lock_guard lock(mutex_);
      first = before_context_;
    }
    if (first) first();
    return alone([&](auto& d) { return d.make_context(parts); });
  }
  Result<unsigned> sms_in_force(cuda::Context c) override {
    return alone([&](auto& d) { return d.sms_in_force(c); });
  }
  Result<cuda::Stream> make_stream(cuda::Context c) override {
    return alone([&](auto& d) { return d.make_stream(c); });
  }
  Result<void> synchronize(cuda::Stream s) override {
    return alone([&](auto& d) { return d.synchronize(s); });
  }
  Result<cuda::Pool> make_pool(int n, Bytes limit) override {
    return alone([&](auto& d) { return d.make_pool(n, limit); });
  }
  Result<cuda::PoolCounts> pool_counts(cuda::Pool p) override {
    return alone([&](auto& d) { return d.pool_counts(p); });
  }
  Result<void> trim(cuda::Pool p, Bytes keep) override {
    return alone([&](auto& d) { return d.trim(p, keep); });
  }
  Result<cuda::Address> allocate(cuda::Pool p, cuda::Stream s, Bytes bytes) override {
    return alone([&](auto& d) { return d.allocate(p, s, bytes); });
  }
  Result<void> free(cuda::Address at, cuda::Stream s) override {
    return alone([&](auto& d) { return d.free(at, s); });
  }
  Result<void> copy(void* to, const void* from, Bytes bytes, cuda::Stream s) override {
    return alone([&](auto& d) { return d.copy(to, from, bytes, s); });
  }
  Result<cuda::Event> make_event() override {
    return alone([](auto& d) { return d.make_event(); });
  }
  Result<void> record(cuda::Event e, cuda::Stream s) override {
    return alone([&](auto& d) { return d.record(e, s); });
  }
  Result<void> wait(cuda::Stream s, cuda::Event e) override {
    return alone([&](auto& d) { return d.wait(s, e); });
  }
  Result<bool> done(cuda::Event e) override {
    return alone([&](auto& d) { return d.done(e); });
  }
  Result<double> seconds_between(cuda::Event a, cuda::Event b) override {
    return alone([&](auto& d) { return d.seconds_between(a, b); });
  }
  Result<void> destroy(cuda::Context c) override {
    return alone([&](auto& d) { return d.destroy(c); });
  }
  Result<void> destroy(cuda::Stream s) override {
    return alone([&](auto& d) { return d.destroy(s); });
  }
  Result<void> destroy(cuda::Pool p) override {
    return alone([&](auto& d) { return d.destroy(p); });
  }
  Result<void> destroy(cuda::Event e) override {
    return alone([&](auto& d) { return d.destroy(e); });
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<test::HostDriver> of_;
  std::function<void()> before_context_;
};

/// A machine's GPU number `number`.
struct HostGpu {
  std::shared_ptr<LockedDriver> driver;
  GpuDevice device;

  explicit HostGpu(cuda::FakeOptions options = {}, Bytes memory = gib(1), int number = 0)
      : driver(std::make_shared<LockedDriver>(std::make_shared<test::HostDriver>(options))) {
    const auto cut = cuda::cut_device(*driver, 0).value();
    const auto kernels =
        std::make_shared<const cuda::Kernels>(cuda::Kernels::open(TROUPE_HOST_KERNELS).value());
    const auto attach = [](cuda::GpuSlice&) -> Result<std::unique_ptr<cuda::TorchHalf>> {
      return std::make_unique<test::HostHalf>();
    };
    device =
        gan::gpu_device(driver->device(0).value(), number, {driver, cut, kernels, attach, memory, false});
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

}  // namespace troupe::toy
