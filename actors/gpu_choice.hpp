#pragma once
// Which GPU a job is bound to when it is submitted. Pure.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.hpp"
#include "base/error.hpp"
#include "gpu/device_slice.hpp"
#include "predict/plan.hpp"

namespace troupe {

/// What a GPU's ledger gives out, in words.
constexpr std::string_view kPieceWord = "piece";

/// A GPU as the supervisor knows it.
struct GpuPlace {
  std::string node;   // as a node's name: "local:gpu0"
  std::string model;  // "NVIDIA H100 80GB HBM3"
  unsigned sms = 0, sms_a_piece = 0;
  int pieces = 0;
  Bytes memory;
};
/// Its name as a node's is the node's own, which has no colon, and the device's.
GpuPlace place_of(const std::string& node, const GpuDevice& gpu);
bool names_gpu(const std::string& node);
DeviceView view_of(const GpuPlace& gpu);
/// The node that a grant is on, whose name may be a GPU's; and the GPU's own name there, empty: its CPU.
std::string process_of(const std::string& node);
std::string gpu_of(const std::string& node);

/// All of them where the model is empty: bits are one model's.
std::vector<GpuPlace> gpus_of_model(const std::vector<GpuPlace>& gpus, const std::string& model);

/// The GPU's name as a node's, empty for CPUs: of those that are large enough the one with the fewest jobs
/// bound to it, the first of equals. `bound`: how many are, by that name. Errors: bad_config where it
/// requires one and there is none, no_capacity where none is large enough.
Result<std::string> choose_gpu(const JobConfig& job, const std::vector<GpuPlace>& gpus,
                               const std::map<std::string, int>& bound);

}  // namespace troupe
