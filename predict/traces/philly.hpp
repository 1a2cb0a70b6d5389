#pragma once
// The trace of a Microsoft GPU cluster (Jeon et al., ATC 2019) as a table of jobs.
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace troupe::traces {

struct TraceJob {
  double submitted = 0;  // seconds after the first
  double duration = 0;   // seconds on all of its GPUs
  int gpus = 1;
  std::string cluster;  // virtual cluster: whose job it is
};

constexpr int kMostJobGpus = 100'000;

/// philly.csv: timestamp (YYYY-MM-DD HH:MM:SS), duration, num_gpus, cluster; in the order of submission.
Result<std::vector<TraceJob>> read_jobs(const std::filesystem::path& file);

/// Where it is published, for people who do not have it.
extern const char* const kWherePhillyIs;

}  // namespace troupe::traces
