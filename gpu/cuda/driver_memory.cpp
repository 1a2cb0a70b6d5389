#include "gpu/cuda/device_memory.hpp"
#include "gpu/cuda/kernels.hpp"
#include "gpu/cuda/owned.hpp"

namespace troupe::cuda {
namespace {

class DriverMemory final : public DeviceMemory {
 public:
  DriverMemory(std::shared_ptr<Driver> driver, std::shared_ptr<const Kernels> kernels, Pool pool,
               Stream stream, Owned<Event> event, Owned<Event> other)
      : driver_(std::move(driver)),
        kernels_(std::move(kernels)),
        pool_(pool),
        stream_(stream),
        event_(std::move(event)),
        other_(std::move(other)) {}

  Stream stream() const noexcept override { return stream_; }
  Result<void*> allocate(Bytes bytes) override {
    const auto at = driver_->allocate(pool_, stream_, bytes);
    if (!at) return fail(at.error());
    return reinterpret_cast<void*>(at->value);
  }
  void free(void* at) noexcept override {
    (void)driver_->free(Address{reinterpret_cast<std::uintptr_t>(at)}, stream_);
  }
  Result<void> tree_sum(const TreeLeaves& leaves, float* out, std::size_t n, float scale) override {
    return kernels_->tree_sum(leaves, out, n, scale, stream_);
  }
  Result<void> copy(void* to, const void* from, Bytes bytes) override {
    return driver_->copy(to, from, bytes, stream_);
  }
  Result<void> follow(Stream other) override {
    // may be recorded anew while the stream still has a wait for its last point ahead of it
    if (auto recorded = driver_->record(other_.get(), other); !recorded) return recorded;
    return driver_->wait(stream_, other_.get());
  }
  Result<void> mark() override { return driver_->record(event_.get(), stream_); }
  Result<bool> passed() override { return driver_->done(event_.get()); }

 private:
  const std::shared_ptr<Driver> driver_;
  const std::shared_ptr<const Kernels> kernels_;
  const Pool pool_;
  const Stream stream_;
  const Owned<Event> event_, other_;
};

}  // namespace

Result<std::shared_ptr<DeviceMemory>> make_driver_memory(std::shared_ptr<Driver> driver,
                                                         std::shared_ptr<const Kernels> kernels, Pool pool,
                                                         Stream stream) {
  Owned<Event> events[2];
  for (auto& event : events) {
    const auto made = driver->make_event();
    if (!made) return fail(made.error());
    event = Owned<Event>(driver, *made);
  }
  return std::shared_ptr<DeviceMemory>(std::make_shared<DriverMemory>(
      std::move(driver), std::move(kernels), pool, stream, std::move(events[0]), std::move(events[1])));
}

}  // namespace troupe::cuda
