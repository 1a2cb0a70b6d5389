#pragma once
// Six kinds of jobs that want different things of a machine.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "train/program.hpp"

namespace troupe::bench {

/// In the order of the tables: "gan8" and "gan32" (the GAN at two of its sizes, over slices of the MRI
/// package), "unet" (segments slices, autograd), "classifier" (that of examples/custom_job), "stream" (goes
/// through memory and computes next to nothing), "reader" (decodes PNG files, and has little to do with
/// them).
extern const std::vector<std::string> kKinds;

/// A program of each, of options.steps steps. `folder`: for their files, which are made now; it outlives
/// them.
std::map<std::string, ProgramFactory> job_kinds(const std::filesystem::path& folder);

}  // namespace troupe::bench
