#pragma once
// What slices of a "GPU" of the host's memory are made of, for programs that run eagerly on them.
#include "tests/train/host_gpu.hpp"
#include "train/gan/device/gpu_slices.hpp"

namespace troupe::test {

/// `most`: of the device, by one slice.
inline gan::GpuParts host_parts(std::shared_ptr<cuda::Driver> driver, Bytes most = gib(1)) {
  auto cut = cuda::cut_device(*driver, 0).value();
  return {std::move(driver),
          std::move(cut),
          std::make_shared<const cuda::Kernels>(cuda::Kernels::open(TROUPE_HOST_KERNELS).value()),
          [](cuda::GpuSlice&) -> Result<std::unique_ptr<cuda::TorchHalf>> {
            return std::make_unique<HostHalf>();
          },
          most,
          false};
}

}  // namespace troupe::test
