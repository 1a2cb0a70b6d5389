#include "gpu/cuda/torch/captured.hpp"

#include <ATen/cuda/CUDAContextLight.h>
#include <ATen/cuda/CUDAGraph.h>

#include <exception>

#include "gpu/cuda/torch/guarded.hpp"

namespace troupe::cuda {
namespace {

namespace allocator = c10::cuda::CUDACachingAllocator;

class Captured final : public StepGraph {
 public:
  explicit Captured(std::unique_ptr<at::cuda::CUDAGraph> graph) : graph_(std::move(graph)) {}
  Result<void> replay() override {
    return guarded([&] { graph_->replay(); });
  }

 private:
  std::unique_ptr<at::cuda::CUDAGraph> graph_;
};

/// A capture that broke in the middle leaves the allocator routing to the pool, and counting it as in use.
void mend(SegmentPool& pool, c10::DeviceIndex device, int users) noexcept {
  (void)guarded([&] { allocator::endAllocateToPool(device, pool.id()); });  // an error: it had ended
  (void)guarded([&] {
    while (allocator::getPoolUseCount(device, pool.id()) > users) allocator::releasePool(device, pool.id());
  });
  (void)cudaGetLastError();  // what the broken capture left for the next call to find
}

}  // namespace

std::unique_ptr<StepGraph> capture_graph(SegmentPool& pool, c10::DeviceIndex device,
                                         const std::function<void()>& work) {
  // cuBLAS's workspaces are LibTorch's, one a handle and stream: those of eager runs must not be baked in
  at::cuda::clearCublasWorkspaces();
  const int users = allocator::getPoolUseCount(device, pool.id());
  auto graph = std::make_unique<at::cuda::CUDAGraph>();
  std::exception_ptr failed;
  try {
    // other slices' threads go on calling what a capture of all threads would forbid
    graph->capture_begin(pool.id(), cudaStreamCaptureModeThreadLocal);
    try {
      work();
    } catch (...) {
      failed = std::current_exception();
    }
    graph->capture_end();
  } catch (...) {
    if (!failed) failed = std::current_exception();
    graph.reset();
    mend(pool, device, users);
  }
  // … nor those of this graph be used outside of it
  at::cuda::clearCublasWorkspaces();
  if (failed) std::rethrow_exception(failed);
  return std::make_unique<Captured>(std::move(graph));
}

}  // namespace troupe::cuda
