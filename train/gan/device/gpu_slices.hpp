#pragma once
// Slices of one GPU for the programs of this folder: what a node's slice actors are given to make theirs by.
#include <functional>
#include <memory>
#include <string>

#include "gpu/cuda/kernels.hpp"
#include "gpu/cuda/nccl.hpp"
#include "gpu/cuda/torch_half.hpp"
#include "gpu/device_slice.hpp"

namespace troupe::gan {

struct GpuParts {
  std::shared_ptr<cuda::Driver> driver;
  std::shared_ptr<const cuda::CutDevice> cut;
  std::shared_ptr<const cuda::Kernels> kernels;
  /// LibTorch's half of a slice (TorchLibrary::attach).
  std::function<Result<std::unique_ptr<cuda::TorchHalf>>(cuda::GpuSlice&)> attach;
  Bytes most;                                  // of the device, by one slice
  bool on_device = true;                       // false: the "device's" addresses are the host's (tests)
  std::shared_ptr<cuda::Nccl> nccl = nullptr;  // null: devices of several processes sum by way of the host
  std::string identity = {};                   // cuda::nccl_identity
};

/// Each slice enters the device on the thread that makes it.
MakeDeviceSlice make_gpu_slices(GpuParts parts);

/// As the planner sees the device; `number`: of the machine's GPUs.
GpuDevice gpu_device(const cuda::DeviceFacts& facts, int number, GpuParts parts);

}  // namespace troupe::gan
