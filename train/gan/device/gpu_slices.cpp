#include "train/gan/device/gpu_slices.hpp"

#include <string>
#include <utility>

#include "gpu/cuda/device_memory.hpp"
#include "gpu/cuda/nccl_collective.hpp"
#include "train/gan/device/late_runtime.hpp"
#include "train/gan/device/slice_runtime.hpp"

namespace troupe::gan {
namespace {

/// What the sums of a slice need of it, whatever its size is.
class SliceMemory final : public cuda::DeviceMemory {
 public:
  SliceMemory(const GpuParts& parts, cuda::GpuSlice& slice, cuda::Owned<cuda::Event> event)
      : driver_(parts.driver), kernels_(parts.kernels), slice_(slice), event_(std::move(event)) {}
  cuda::Stream stream() const noexcept override { return slice_.stream(); }
  Result<void*> allocate(Bytes bytes) override {
    const auto at = slice_.allocate(bytes);
    if (!at) return fail(at.error());
    return reinterpret_cast<void*>(at->value);
  }
  void free(void* at) noexcept override {
    (void)slice_.free(cuda::Address{reinterpret_cast<std::uintptr_t>(at)});
  }
  Result<void> tree_sum(const cuda::TreeLeaves& leaves, float* out, std::size_t n, float scale) override {
    return kernels_->tree_sum(leaves, out, n, scale, stream());
  }
  Result<void> tree_sum(const cuda::TreeLeaves& leaves, double* out, std::size_t n, double scale) override {
    return kernels_->tree_sum(leaves, out, n, scale, stream());
  }
  Result<void> tree_sum(const cuda::TreeLeaves& leaves, std::int64_t* out, std::size_t n,
                        std::int64_t scale) override {
    return kernels_->tree_sum(leaves, out, n, scale, stream());
  }
  Result<void> mark() override { return driver_->record(event_.get(), stream()); }
  Result<bool> passed() override { return driver_->done(event_.get()); }

 private:
  std::shared_ptr<cuda::Driver> driver_;
  std::shared_ptr<const cuda::Kernels> kernels_;
  cuda::GpuSlice& slice_;
  cuda::Owned<cuda::Event> event_;
};

class GanSlice final : public RuntimeSlice {
 public:
  static Result<std::unique_ptr<DeviceSlice>> open(const GpuParts& parts, const DeviceSliceOrder& order) {
    if (auto entered = parts.driver->enter(parts.cut->device); !entered) return fail(entered.error());
    auto slice = cuda::GpuSlice::open(parts.driver, parts.cut,
                                      {.owner = "job " + order.job,
                                       .run = cuda::PieceSet::of(order.pieces),
                                       .budget = order.budget,
                                       .most = parts.most,
                                       .account = order.account});
    if (!slice) return fail(slice.error());
    auto half = parts.attach(**slice);
    if (!half) return fail(half.error());
    return std::unique_ptr<DeviceSlice>(
        new GanSlice(parts, std::move(*slice), std::move(*half), order.budget));
  }

  Result<void> take(const std::vector<int>& pieces, Bytes budget) override {
    // others may be given its pieces as soon as this comes back
    if (auto done = parts_.driver->synchronize(slice_->stream()); !done) return done;
    if (pieces.empty()) return half_->renew();
    if (auto asked = slice_->ask(cuda::PieceSet::of(pieces), budget); !asked) return asked;
    const auto switched = slice_->at_step_edge();
    if (!switched) return fail(switched.error());
    const bool lower = budget < std::exchange(budget_, budget);
    // graphs are of the stream that was left; what is kept for reuse may be more than there is room for now
    return *switched || lower ? half_->renew() : Result<void>();
  }

  PrepareShare preparer() override {
    return [ahead = slice_->ahead()](const std::vector<int>& pieces) {
      return ahead->make(cuda::PieceSet::of(pieces));
    };
  }

  Result<std::shared_ptr<Collective>> sums() override {
    const auto event = parts_.driver->make_event();
    if (!event) return fail(event.error());
    auto memory =
        std::make_shared<SliceMemory>(parts_, *slice_, cuda::Owned<cuda::Event>(parts_.driver, *event));
    auto ends = cuda::make_nccl({{nullptr, std::move(memory), {}}}, {});
    if (!ends) return fail(ends.error());
    return ends->front();
  }

  unsigned sms() const override { return slice_->sms(); }
  Result<double> busy_seconds() override { return slice_->busy_seconds(); }

  std::unique_ptr<DeviceRuntime> runtime(at::ScalarType compute) override {
    DeviceOptions options;
    options.compute = compute;
    if (parts_.on_device)
      options.device = at::Device(at::kCUDA, static_cast<at::DeviceIndex>(parts_.cut->device));
    return make_slice_runtime({parts_.driver, parts_.kernels, slice_.get(), half_.get()}, options);
  }

 private:
  GanSlice(GpuParts parts, std::unique_ptr<cuda::GpuSlice> slice, std::unique_ptr<cuda::TorchHalf> half,
           Bytes budget)
      : parts_(std::move(parts)), slice_(std::move(slice)), half_(std::move(half)), budget_(budget) {}

  GpuParts parts_;
  std::unique_ptr<cuda::GpuSlice> slice_;
  std::unique_ptr<cuda::TorchHalf> half_;  // goes before the slice
  Bytes budget_;                           // in force
};

}  // namespace

MakeDeviceSlice make_gpu_slices(GpuParts parts) {
  return [parts = std::move(parts)](const DeviceSliceOrder& order) { return GanSlice::open(parts, order); };
}

GpuDevice gpu_device(const cuda::DeviceFacts& facts, int number, GpuParts parts) {
  GpuDevice device;
  device.name = "gpu" + std::to_string(number);
  device.model = facts.name;
  device.sms = facts.sms;
  device.sms_a_piece = parts.cut->grid.piece;
  device.pieces = static_cast<int>(parts.cut->grid.pieces);
  device.memory = parts.most;
  device.make = make_gpu_slices(std::move(parts));
  return device;
}

}  // namespace troupe::gan
