#pragma once
// What a node's key `gpu` comes to on this machine.
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/config.hpp"
#include "cli/doctor_checks.hpp"
#include "gpu/cuda/survey.hpp"
#include "gpu/device_slice.hpp"

namespace troupe {

/// What there is, by `look`; nothing where the node asks for none, and then nobody looks. Error bad_config:
/// it requires a GPU that is not there.
Result<std::optional<cuda::GpuSurvey>> find_gpus(const Config& config, const NodeConfig& node,
                                                 const std::function<cuda::GpuSurvey()>& look);

/// What of it jobs can run on; error: why on none.
using SliceGpus = std::function<Result<std::vector<GpuDevice>>(const cuda::GpuSurvey&)>;
struct OfferedGpus {
  std::optional<cuda::GpuSurvey> found;  // nothing: nobody looked
  std::vector<GpuDevice> devices;        // that jobs can run on
  std::string unused;                    // why on none of those that were found
};
/// The same for a node that gives its GPUs to jobs. Error bad_config too where it requires one that jobs can
/// run on.
Result<OfferedGpus> offer_gpus(const Config& config, const NodeConfig& node,
                               const std::function<cuda::GpuSurvey()>& look, const SliceGpus& slice);

/// Of jobs of the file that require a GPU what keeps them from every one that is offered, one a job.
Errors unfit_for_gpus(const Config& config, const OfferedGpus& offered);

/// One line for people, ended; empty where nobody looked.
std::string gpu_line(const OfferedGpus& offered);
nlohmann::json gpu_json(const cuda::GpuSurvey& found);

/// `troupe doctor`'s. `unmet`: why the node does not get what it requires.
Findings judge_gpus(const cuda::GpuSurvey& found, const SliceGpus& slice, const std::optional<Error>& unmet);

}  // namespace troupe
