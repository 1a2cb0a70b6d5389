#pragma once
// An NVML that says what a test wants.
#include "gpu/cuda/nvml.hpp"

namespace troupe::cuda {

struct FakeNvml final : Nvml {
  DeviceHealth says;
  std::optional<Error> fails;

  Result<std::string> driver() override { return "580.159.04"; }
  Result<DeviceHealth> health(const std::string&) override {
    if (fails) return fail(*fails);
    return says;
  }
};

}  // namespace troupe::cuda
