#pragma once
// A slice of a GPU as the runtime of a program: buffers are blocks of the slice, work goes through LibTorch's
// half of it, the optimiser is troupe's kernel.
#include "gpu/cuda/kernels.hpp"
#include "gpu/cuda/torch_half.hpp"
#include "train/gan/device/runtime.hpp"

namespace troupe::gan {

/// All of one device, which the calling thread has entered; they outlive the runtime and its buffers.
struct SliceParts {
  std::shared_ptr<cuda::Driver> driver;
  std::shared_ptr<const cuda::Kernels> kernels;
  cuda::GpuSlice* slice = nullptr;
  cuda::TorchHalf* half = nullptr;
};
/// options.device: where the slice's addresses lie, e.g. cuda:0.
std::unique_ptr<DeviceRuntime> make_slice_runtime(SliceParts parts, const DeviceOptions& options);

}  // namespace troupe::gan
