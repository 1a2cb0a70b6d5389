#include "gpu/cuda/survey.hpp"

namespace troupe::cuda {
namespace {

constexpr int kOldest = 8;  // major compute capability that the kernels are compiled for: A100

constexpr const char* kHidden =
    "nvidia-smi lists what the driver sees; CUDA_VISIBLE_DEVICES hides devices, and a container sees only "
    "those "
    "that it was given.";

Result<Grid> grid_of(Driver& driver, int device) {
  const auto whole = driver.sm_resource(device);
  if (!whole) return fail(whole.error());
  return make_grid(whole->sms, whole->least, whole->alignment);
}

Error too_old(const std::vector<GpuSurvey::Device>& devices) {
  std::string given;
  for (const auto& d : devices)
    given += (given.empty() ? "" : ", ") + d.facts.name + " (compute capability " +
             std::to_string(d.facts.major) + "." + std::to_string(d.facts.minor) + ")";
  return {ErrorCode::not_found,
          "the GPUs here are too old",
          "gpu",
          given,
          "compute capability 8.0 or later (A100, H100, B200 and their kin)",
          "Use CPU slices on this machine."};
}

/// Fills `devices`; what stands in the way of all of them.
Result<void> look(Driver& driver, const GpuLibraries& libraries, GpuSurvey& found) {
  const auto version = driver.version();
  if (!version) return fail(version.error());
  found.driver = *version;
  const auto count = driver.devices();
  if (!count) return fail(count.error());
  if (*count == 0)
    return fail({ErrorCode::not_found, "the driver knows no GPU here", "gpu", {}, {}, kHidden});
  bool usable = false;
  for (int i = 0; i < *count; ++i) {
    auto facts = driver.device(i);
    if (!facts) return fail(facts.error());
    GpuSurvey::Device device{.facts = std::move(*facts), .grid = grid_of(driver, i), .health = {}};
    if (libraries.nvml)
      if (auto health = (*libraries.nvml)->health(device.facts.bus)) device.health = std::move(*health);
    device.usable = device.facts.major >= kOldest;
    usable = usable || device.usable;
    found.devices.push_back(std::move(device));
  }
  if (!usable) return fail(too_old(found.devices));
  return {};
}

}  // namespace

GpuLibraries open_gpu_libraries(std::span<const std::string> nccl) {
  return {open_driver(), open_nccl(nccl), open_nvml()};
}

GpuSurvey survey_gpus(const GpuLibraries& libraries) {
  GpuSurvey found;
  if (libraries.nvml)
    found.nvml = (*libraries.nvml)->driver();
  else
    found.nvml = fail(libraries.nvml.error());
  if (libraries.nccl)
    found.nccl = (*libraries.nccl)->version();
  else
    found.nccl = fail(libraries.nccl.error());
  if (!libraries.driver)
    found.none = libraries.driver.error();
  else if (auto looked = look(**libraries.driver, libraries, found); !looked)
    found.none = looked.error();
  return found;
}

std::string cuda_version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string nccl_version_text(int version) {
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

}  // namespace troupe::cuda
