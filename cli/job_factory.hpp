#pragma once
// Who makes a job's program: a built-in kind, or the job's plugin.
#include "cli/services.hpp"

namespace troupe {
Result<ProgramFactory> factory_of(const JobConfig& job, const Services& services);
}  // namespace troupe
