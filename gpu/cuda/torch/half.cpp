#include "gpu/cuda/torch_half.hpp"

#include <cuda.h>

#include <ATen/Context.h>
#include <ATen/cuda/CUDAContextLight.h>
#include <c10/cuda/CUDAGuard.h>
#include <torch/version.h>

#include <utility>

#include "gpu/cuda/torch/captured.hpp"
#include "gpu/cuda/torch/guarded.hpp"
#include "gpu/cuda/torch/segments.hpp"

namespace troupe::cuda {
namespace {

/// Runs and captures on one slice's stream, with one slice's memory.
class Maker final : public GraphMaker {
 public:
  Maker(GpuSlice& slice, c10::DeviceIndex device)
      : slice_(slice), device_(device), source_(std::make_shared<SegmentSource>(slice)) {
    make_pools();
  }
  ~Maker() override {
    (void)guarded([&] {
      pool_.reset();
      graph_pool_.reset();
    });
    source_->detach();
  }
  Maker(const Maker&) = delete;
  Maker& operator=(const Maker&) = delete;

  Result<void> run(const std::function<void()>& work) override {
    return told(guarded([&] {
      const c10::cuda::CUDAStreamGuard current(stream());
      const SegmentPool::Routed routed(*pool_, device_, stream().stream());
      work();
    }));
  }

  Result<std::unique_ptr<StepGraph>> capture(const std::function<void()>& work) override {
    std::unique_ptr<StepGraph> graph;
    auto captured = told(guarded([&] {
      const c10::cuda::CUDAStreamGuard current(stream());
      make_pool(pool_);  // what the warm-ups left there would be needed twice
      graph = std::make_unique<OnStream>(*this, capture_graph(*graph_pool_, device_, work));
    }));
    if (!captured) return fail(std::move(captured.error()));
    return graph;
  }

  /// Other pools: what the old ones keep goes with the last graph and tensor of them.
  Result<void> renew() {
    return guarded([&] { make_pools(); });
  }
  Bytes taken() const noexcept { return source_->taken(); }

 private:
  struct OnStream final : StepGraph {
    OnStream(Maker& m, std::unique_ptr<StepGraph> g) : maker(m), graph(std::move(g)) {}
    Result<void> replay() override {
      Result<void> replayed;
      auto made_current = guarded([&] {
        const c10::cuda::CUDAStreamGuard current(maker.stream());
        replayed = graph->replay();
      });
      return made_current ? replayed : made_current;
    }
    Maker& maker;
    std::unique_ptr<StepGraph> graph;
  };

  c10::cuda::CUDAStream stream() const {
    return c10::cuda::getStreamFromExternal(reinterpret_cast<cudaStream_t>(slice_.stream().value), device_);
  }
  void make_pools() {
    make_pool(pool_);
    make_pool(graph_pool_);
  }
  void make_pool(std::unique_ptr<SegmentPool>& pool) {
    const c10::cuda::CUDAGuard here(device_);
    at::cuda::clearCublasWorkspaces();  // LibTorch keeps them: they would keep a segment
    pool.reset();                       // first, so that both need not fit
    pool = std::make_unique<SegmentPool>(source_);
  }
  /// The slice's own error in place of what LibTorch made of it. By now the tensors of the work are gone.
  Result<void> told(Result<void> result) {
    const auto refusal = source_->refusal();
    if (result || !refusal) return result;
    if (auto renewed = renew(); !renewed) return renewed;
    return fail(*refusal);
  }

  GpuSlice& slice_;
  const c10::DeviceIndex device_;
  std::shared_ptr<SegmentSource> source_;
  // Of eager work, and of all graphs: a replay overwrites what its capture had freed, so no tensor that is
  // kept may come from there. Replays follow one another in the stream, and may share.
  std::unique_ptr<SegmentPool> pool_, graph_pool_;
};

class Half final : public TorchHalf {
 public:
  Half(GpuSlice& slice, c10::DeviceIndex device, std::size_t graphs)
      : slice_(slice), device_(device), maker_(slice, device), graphs_(maker_, graphs) {
    // 0 stays where CUDA does not tell, then so for all keys
    (void)cudaRuntimeGetVersion(&runtime_);
    (void)cudaDriverGetVersion(&driver_);
  }

  Result<void> run(const std::function<void()>& work) override { return freed(maker_.run(work)); }

  Result<Ran> run_as_graph(GraphKey key, const std::function<void()>& work) override {
    key.device = device_;
    key.sms = slice_.sms();
    key.context = slice_.stream().value;
    key.driver = driver_;
    key.runtime = runtime_;
    key.torch = TORCH_VERSION_MAJOR * 10'000 + TORCH_VERSION_MINOR * 100 + TORCH_VERSION_PATCH;
    return freed(graphs_.run(key, work));
  }

  Result<void> renew() override {
    graphs_.forget();
    return maker_.renew();
  }

  TorchHalfFacts facts() const override {
    return {maker_.taken(), graphs_.captures(), graphs_.replays(), graphs_.eager_runs(), graphs_.trouble()};
  }

 private:
  /// After a refusal graphs give their memory back too.
  template <class R>
  R freed(R result) {
    if (!result && result.error().code == ErrorCode::over_budget) graphs_.forget();
    return result;
  }

  GpuSlice& slice_;
  const c10::DeviceIndex device_;
  int driver_ = 0, runtime_ = 0;
  Maker maker_;
  StepGraphs graphs_;  // goes before the maker
};

}  // namespace
}  // namespace troupe::cuda

extern "C" const char* troupe_cuda_torch_version() { return TORCH_VERSION; }

extern "C" troupe::cuda::TorchHalf* troupe_cuda_torch_attach(troupe::cuda::GpuSlice* slice, int device,
                                                             std::size_t graphs, troupe::Error* error) {
  troupe::cuda::TorchHalf* half = nullptr;
  const auto made = troupe::cuda::guarded([&] {
    // before any other call: LibTorch's allocators have no devices until then
    at::globalContext().lazyInitDevice(c10::DeviceType::CUDA);
    // float32 has float32's digits, and the same kernels are taken each time. Both are the process's, and
    // nobody sets them elsewhere.
    at::globalContext().setAllowTF32CuDNN(false);
    at::globalContext().setAllowTF32CuBLAS(false);
    at::globalContext().setDeterministicCuDNN(true);
    half = new troupe::cuda::Half(*slice, static_cast<c10::DeviceIndex>(device), graphs);
  });
  if (!made) *error = made.error();
  return half;
}
