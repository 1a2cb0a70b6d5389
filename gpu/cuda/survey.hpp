#pragma once
// What GPUs a machine has and what they can do. Starts nothing on them.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gpu/cuda/driver.hpp"
#include "gpu/cuda/nccl.hpp"
#include "gpu/cuda/nvml.hpp"
#include "gpu/cuda/partition.hpp"

namespace troupe::cuda {

/// What was looked for at run time: there, or why not.
struct GpuLibraries {
  Result<std::shared_ptr<Driver>> driver;
  Result<std::shared_ptr<Nccl>> nccl;
  Result<std::shared_ptr<Nvml>> nvml;
};
/// NVIDIA's own; NCCL by the first of `nccl` that loads.
GpuLibraries open_gpu_libraries(std::span<const std::string> nccl);

struct GpuSurvey {
  struct Device {
    DeviceFacts facts;
    Result<Grid> grid;                   // how it can be cut, or why only as a whole
    std::optional<DeviceHealth> health;  // empty: NVML does not tell
    bool usable = true;                  // new enough for the kernels
  };
  std::vector<Device> devices;
  std::optional<Error> none;  // why there is none that can be used; else there is
  int driver = 0;             // the CUDA that it speaks: 13000 is 13.0; 0: there is no driver
  Result<std::string> nvml;   // the driver's own version, or why NVML does not tell
  Result<int> nccl;           // 22809 is 2.28.9
};

GpuSurvey survey_gpus(const GpuLibraries& libraries);

/// "13.0" of 13000
std::string cuda_version_text(int version);
/// "2.28.9" of 22809
std::string nccl_version_text(int version);

}  // namespace troupe::cuda
