#pragma once
// A "GPU" made of the host's memory (host_gpu.hpp), for several threads.
#include <functional>
#include <memory>
#include <mutex>

#include "tests/train/host_gpu.hpp"

namespace troupe::test {

/// One driver for all slices of a device, as a real one is; the fake under it is for one thread.
class LockedDriver final : public cuda::Driver {
 public:
  explicit LockedDriver(std::shared_ptr<HostDriver> of) : of_(std::move(of)) {}
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
  std::shared_ptr<HostDriver> of_;
  std::function<void()> before_context_;
};

}  // namespace troupe::test
