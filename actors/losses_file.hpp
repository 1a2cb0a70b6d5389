#pragma once
// JOB/losses.csv: every committed step's scores, to the last bit (%.17g), for users and for comparing runs.
#include <cstdio>
#include <filesystem>
#include <vector>

#include "base/error.hpp"
#include "train/step_loop.hpp"

namespace troupe {
/// Opens for append what precedes `step`; rows at and after it are of steps that a crash undid and are cut
/// off.
Result<std::FILE*> open_losses(const std::filesystem::path& file, std::int64_t step);
/// One row a step; the header with the scores' names comes before the first.
Result<void> append_losses(std::FILE* file, const std::vector<StepStats>& steps);
}  // namespace troupe
