#pragma once
// JOB/leases.csv: a line `EPOCH,FIRST,NODE NODE …` for every lease, so that a head that was started again can
// tell which copies are of the job's history.
#include <filesystem>
#include <string>

#include "actors/held_copies.hpp"
#include "base/error.hpp"

namespace troupe {
/// Names that hold a blank are left out: nobody waits for such a node.
std::string lease_line(const LeaseNote& lease);
/// Empty where there is no file; a last line that a crash cut is passed over. Error bad_data: a line makes no
/// sense, so that nobody knows what it told.
Result<std::vector<LeaseNote>> read_leases(const std::filesystem::path& file);
}  // namespace troupe
