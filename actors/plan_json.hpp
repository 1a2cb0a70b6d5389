#pragma once
// A plan as the control interface and --dry-run show it.
#include <nlohmann/json.hpp>

#include "predict/plan.hpp"

namespace troupe {

/// [{node, cores, memory}]
nlohmann::json grants_to_json(const std::vector<Grant>& grants);
/// {job: {grants, wanted_cores, reason}}
nlohmann::json plan_to_json(const Plan& plan);

}  // namespace troupe
