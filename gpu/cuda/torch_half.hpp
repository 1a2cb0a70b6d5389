#pragma once
// What a slice of a GPU needs of LibTorch's CUDA half: its stream made current, its memory from behind the
// wall, its steps as CUDA graphs. Made by a library of its own (gpu/cuda/torch/), which is loaded only where
// a job is to run on a GPU: all else links to nothing of CUDA. Shows no type of LibTorch's or CUDA's headers.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "gpu/cuda/gpu_slice.hpp"
#include "gpu/cuda/step_graphs.hpp"

namespace troupe::cuda {

struct TorchHalfFacts {
  Bytes taken;  // of the slice, by LibTorch's allocator: in use, and kept for reuse
  std::int64_t captures = 0, replays = 0, eager_runs = 0;
  std::string capture_trouble;  // why the newest capture that failed did
};

/// For the slice's thread alone, which has entered the device; goes before its slice, and after all tensors
/// that were made in it.
class TorchHalf {
 public:
  virtual ~TorchHalf() = default;
  /// What `work` gives to the slice's device goes to its stream, and what it allocates there comes from the
  /// slice's pool. over_budget names owner, phase, asked, held and budget, as GpuSlice::allocate does;
  /// no_capacity: the device itself is full; else the Error that was thrown, or LibTorch's words. After a
  /// refusal nothing is kept for reuse, so that trying once more has all the room there is.
  virtual Result<void> run(const std::function<void()>& work) = 0;
  /// The same, as a CUDA graph where it can be. `work` must give the same kernels the same addresses each
  /// time that it is called with this key, must not wait for the device, and must not keep a tensor that it
  /// made: its results go into tensors that are there. Of the key, device, SMs, context
  /// and versions are filled in here.
  virtual Result<Ran> run_as_graph(GraphKey key, const std::function<void()>& work) = 0;
  /// Graphs and what was kept for reuse go: once the slice's edge has switched it to another stream, and
  /// where a phase is over.
  virtual Result<void> renew() = 0;
  virtual TorchHalfFacts facts() const = 0;
};

class Library;

/// The library that makes them.
class TorchLibrary {
 public:
  /// not_found, with what to do, where the library or what it needs of CUDA is not there; wrong_version: it
  /// was built for another LibTorch than `torch` ("2.11.0").
  static Result<TorchLibrary> open(const std::string& path, const std::string& torch);
  /// Errors: LibTorch's, where it can't start on the device.
  Result<std::unique_ptr<TorchHalf>> attach(GpuSlice& slice, int device, std::size_t graphs = 8) const;

 private:
  std::shared_ptr<Library> library_;
};

}  // namespace troupe::cuda

extern "C" {
/// "2.11.0", of the LibTorch that it was built for.
const char* troupe_cuda_torch_version();
/// Null: `error` says why.
troupe::cuda::TorchHalf* troupe_cuda_torch_attach(troupe::cuda::GpuSlice* slice, int device,
                                                  std::size_t graphs, troupe::Error* error);
}
