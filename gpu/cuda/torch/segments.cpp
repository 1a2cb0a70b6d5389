#include "gpu/cuda/torch/segments.hpp"

#include <cuda_runtime_api.h>
#include <torch/csrc/cuda/CUDAPluggableAllocator.h>

#include <utility>

#include "gpu/cuda/torch/guarded.hpp"

namespace troupe::cuda {
namespace {

/// LibTorch wants segments in the middle of a capture too. They are none of the graph's work, but the driver
/// would refuse such calls to a thread that captures, and break its capture.
class Uncaptured {
 public:
  Uncaptured() noexcept { swap(); }
  ~Uncaptured() { swap(); }
  Uncaptured(const Uncaptured&) = delete;
  Uncaptured& operator=(const Uncaptured&) = delete;

 private:
  void swap() noexcept { (void)cudaThreadExchangeStreamCaptureMode(&mode_); }
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

}  // namespace

void* SegmentSource::take(std::size_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  if (slice_ == nullptr) return nullptr;
  const Uncaptured call;
  const auto at = slice_->allocate_aside({static_cast<std::int64_t>(bytes)});
  if (!at) {
    refusal_ = at.error();
    return nullptr;
  }
  taken_ += Bytes{static_cast<std::int64_t>(bytes)};
  return reinterpret_cast<void*>(at->value);
}

void SegmentSource::give_back(void* at, std::size_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  if (slice_ == nullptr || at == nullptr) return;
  // a segment that can't be freed stays charged, and goes with the slice
  if (slice_->free_aside(Address{reinterpret_cast<std::uintptr_t>(at)}))
    taken_ = taken_ - Bytes{static_cast<std::int64_t>(bytes)};
}

void SegmentSource::detach() noexcept {
  const std::lock_guard lock(mutex_);
  slice_ = nullptr;
}

std::optional<Error> SegmentSource::refusal() noexcept {
  const std::lock_guard lock(mutex_);
  return std::exchange(refusal_, std::nullopt);
}

Bytes SegmentSource::taken() const noexcept {
  const std::lock_guard lock(mutex_);
  return taken_;
}

SegmentPool::SegmentPool(std::shared_ptr<SegmentSource> source)
    : allocator_(torch::cuda::CUDAPluggableAllocator::createCustomAllocator(
          [source](std::size_t bytes, int, cudaStream_t) { return source->take(bytes); },
          [source](void* at, std::size_t bytes, int, cudaStream_t) { source->give_back(at, bytes); })),
      pool_(allocator_) {}

SegmentPool::Routed::Routed(SegmentPool& pool, c10::DeviceIndex device, cudaStream_t stream)
    : device_(device), id_(pool.id()) {
  c10::cuda::CUDACachingAllocator::beginAllocateToPool(device_, id_,
                                                       [stream](cudaStream_t s) { return s == stream; });
}

SegmentPool::Routed::~Routed() {
  // they throw where the pool is not routed to, which it is
  (void)guarded([&] {
    c10::cuda::CUDACachingAllocator::endAllocateToPool(device_, id_);
    // each routing counts as a user of the pool
    c10::cuda::CUDACachingAllocator::releasePool(device_, id_);
  });
}

}  // namespace troupe::cuda
