#pragma once
// The memory of a slice's tensors: LibTorch's caching allocator hands out pieces of segments, and takes the
// segments from the slice, behind its wall.
#include <cuda.h>  // before LibTorch's headers, whose classes have other members with it

#include <ATen/cuda/MemPool.h>

#include <memory>
#include <mutex>
#include <optional>

#include "gpu/cuda/gpu_slice.hpp"

namespace troupe::cuda {

/// What LibTorch asks when it wants a segment. It may ask after the slice is gone, to give one back.
class SegmentSource {
 public:
  explicit SegmentSource(GpuSlice& slice) : slice_(&slice) {}
  /// Null: the slice refused; see refusal().
  void* take(std::size_t bytes) noexcept;
  void give_back(void* at, std::size_t bytes) noexcept;
  /// The slice is about to go; it frees what is left by itself.
  void detach() noexcept;
  /// Why the last take() was refused, once.
  std::optional<Error> refusal() noexcept;
  Bytes taken() const noexcept;

 private:
  mutable std::mutex mutex_;
  GpuSlice* slice_;
  std::optional<Error> refusal_;
  Bytes taken_;
};

/// A private pool of LibTorch's caching allocator over a source. What is allocated while routed into it comes
/// from it; it goes when the last graph and the last tensor of it do.
class SegmentPool {
 public:
  explicit SegmentPool(std::shared_ptr<SegmentSource> source);
  c10::MempoolId_t id() { return pool_.id(); }

  /// While it lives, the calling thread's allocations on the stream come from the pool. Not while the stream
  /// is captured: a capture routes by itself.
  class Routed {
   public:
    Routed(SegmentPool& pool, c10::DeviceIndex device, cudaStream_t stream);
    ~Routed();
    Routed(const Routed&) = delete;
    Routed& operator=(const Routed&) = delete;

   private:
    c10::DeviceIndex device_;
    c10::MempoolId_t id_;
  };

 private:
  std::shared_ptr<c10::cuda::CUDACachingAllocator::CUDAAllocator> allocator_;
  at::cuda::MemPool pool_;
};

}  // namespace troupe::cuda
