#pragma once
// JOB/losses.csv: every committed step's scores, to the last bit (%.17g), for users and for comparing runs.
#include <filesystem>
#include <memory>
#include <vector>

#include "base/line_file.hpp"
#include "train/step_loop.hpp"

namespace troupe {
/// Opens for append what precedes `step`; rows at and after it are of steps that a crash undid and are cut
/// off.
Result<std::unique_ptr<LineFile>> open_losses(const std::filesystem::path& file, std::int64_t step);
/// How many rows there are of steps 0, 1, … without a gap; what follows them is not counted.
std::int64_t count_losses(const std::filesystem::path& file);
/// One row a step; the header with the scores' names comes before the first. On a full disk rows wait in
/// memory for the next call.
Result<void> append_losses(LineFile& file, const std::vector<StepStats>& steps);
}  // namespace troupe
