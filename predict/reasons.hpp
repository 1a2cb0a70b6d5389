#pragma once
// Why a job waits, has what it has, or wants more: in words for people.
#include <string>
#include <vector>

#include "predict/placement.hpp"

namespace troupe::planning {

/// "1 core", "2 cores".
std::string cores_text(int n);

/// The reason of works[i], which is in the order of planning. `holders`: the jobs before it that hold the
/// most cores.
std::string reason(const Work& work, const std::vector<const Work*>& holders, const Pool& pool);

}  // namespace troupe::planning
