#pragma once
// `troupe generate`: images by every generator of a job, from its newest whole checkpoint. Needs no cluster.
#include <optional>
#include <string>

#include "cli/services.hpp"
#include "cli/terminal.hpp"

namespace troupe {

struct GenerateOptions {
  std::filesystem::path run, out;  // out: empty is RUN/JOB/generated-SEED
  std::string job;  // empty: the run's only job that makes images, or the first of highest priority
  int count = 64;   // images a generator
  std::int64_t seed = 1;
  bool json = false;
};

int run_generate(const GenerateOptions& options, const Services& services, const Terminal& terminal);

}  // namespace troupe
