// A library with the entry points of LibTorch's half of a slice, for tests: tells what was asked of it.
#include "gpu/cuda/torch_half.hpp"

namespace {
struct FakeHalf final : troupe::cuda::TorchHalf {
  explicit FakeHalf(std::size_t graphs) : told{troupe::Bytes{static_cast<std::int64_t>(graphs)}} {}
  troupe::Result<void> run(const std::function<void()>& work) override {
    work();
    return {};
  }
  troupe::Result<troupe::cuda::Ran> run_as_graph(troupe::cuda::GraphKey,
                                                 const std::function<void()>&) override {
    return troupe::cuda::Ran::eagerly;
  }
  troupe::Result<void> renew() override { return {}; }
  troupe::cuda::TorchHalfFacts facts() const override { return told; }
  troupe::cuda::TorchHalfFacts told;
};
}  // namespace

extern "C" const char* troupe_cuda_torch_version() { return "2.11.0"; }
extern "C" troupe::cuda::TorchHalf* troupe_cuda_torch_attach(troupe::cuda::GpuSlice*, int device,
                                                             std::size_t graphs, troupe::Error* error) {
  if (device == 0) return new FakeHalf(graphs);
  *error = {troupe::ErrorCode::not_found, "no such device", "fake", std::to_string(device)};
  return nullptr;
}
