#pragma once
// What a node's key `gpu` comes to on this machine.
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/config.hpp"
#include "cli/doctor_checks.hpp"
#include "gpu/cuda/survey.hpp"

namespace troupe {

/// What there is, by `look`; nothing where the node asks for none, and then nobody looks. Error bad_config:
/// it requires a GPU that is not there.
Result<std::optional<cuda::GpuSurvey>> find_gpus(const Config& config, const NodeConfig& node,
                                                 const std::function<cuda::GpuSurvey()>& look);

/// One line for people, ended; empty where nobody looked.
std::string gpu_line(const std::optional<cuda::GpuSurvey>& found);
nlohmann::json gpu_json(const cuda::GpuSurvey& found);

/// `troupe doctor`'s. `unmet`: why the node does not get what it requires.
Findings judge_gpus(const cuda::GpuSurvey& found, const std::optional<Error>& unmet);

}  // namespace troupe
