#include "cli/gpus.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "actors/gpu_choice.hpp"
#include "cli/capacity.hpp"
#include "cli/text.hpp"

namespace troupe {
namespace {

using cuda::GpuSurvey;

constexpr const char* kTopic = "gpu";
constexpr const char* kOnCpus = "jobs run on CPU slices";

/// How jobs use them.
std::string use_text(const std::vector<GpuDevice>& devices) {
  const auto is_cut = [](const GpuDevice& d) { return d.pieces > 1; };
  return std::any_of(devices.begin(), devices.end(), is_cut)
             ? "jobs that ask for one run on slices of it"
             : "jobs that ask for one have all of it, one after the other";
}

std::string short_text(const GpuSurvey::Device& d) {
  return fmt::format("{} ({} SMs, {})", d.facts.name, d.facts.sms, to_string(d.facts.memory));
}

std::string cut_text(const cuda::Grid& grid) {
  return fmt::format("slices of {} SMs{}", cuda::allowed_sms(grid),
                     grid.left_over > 0 ? fmt::format(" ({} in no slice)", grid.left_over) : "");
}

/// The parts that the device tells.
std::string health_text(const cuda::DeviceHealth& h) {
  std::vector<std::string> parts;
  const auto add = [&](const auto& value, const char* form) {
    if (value) parts.push_back(fmt::format(fmt::runtime(form), *value));
  };
  add(h.watts, h.watts_most ? "{:.0f} W" : "{:.0f} W drawn");
  if (h.watts && h.watts_most) parts.back() += fmt::format(" of {:.0f}", *h.watts_most);
  add(h.celsius, "{} C");
  add(h.sm_mhz, "SMs at {} MHz");
  add(h.memory_mhz, "memory at {} MHz");
  add(h.busy_percent, "busy {} %");
  add(h.memory_busy_percent, "its memory {} %");
  if (h.memory_used) parts.push_back(to_string(*h.memory_used) + " in use");
  if (h.throttled)
    parts.push_back(h.throttled->reasons.empty()
                        ? "not throttled"
                        : fmt::format("throttled by {}", fmt::join(h.throttled->reasons, ", ")));
  return parts.empty() ? "NVML tells nothing of it" : fmt::format("{}", fmt::join(parts, ", "));
}

void judge_device(const GpuSurvey::Device& d, std::size_t number, Findings& findings) {
  const std::string name = fmt::format("GPU {}", number);
  findings.push_back({Verdict::ok, kTopic,
                      fmt::format("{}: {}, compute capability {}.{}, at {}", name, short_text(d),
                                  d.facts.major, d.facts.minor, d.facts.bus)});
  if (!d.usable)
    findings.push_back({Verdict::warning, kTopic, name + " is too old to be used",
                        "troupe's kernels want compute capability 8.0 or later"});
  else if (d.grid)
    findings.push_back({Verdict::ok, kTopic, fmt::format("{}: green contexts, {}", name, cut_text(*d.grid))});
  else
    findings.push_back(
        {Verdict::warning, kTopic,
         fmt::format("{}: no slices, only the whole device: {}", name, d.grid.error().what),
         d.grid.error().hint.empty() ? "Renew the driver: CUDA 12.5 or later" : d.grid.error().hint});
  if (!d.health) return;
  const bool trouble = d.health->throttled && d.health->throttled->trouble;
  findings.push_back({trouble ? Verdict::warning : Verdict::ok, kTopic,
                      fmt::format("{}: {}", name, health_text(*d.health)),
                      trouble ? "Look after its cooling and its power supply" : ""});
}

}  // namespace

namespace {
/// None where the build has nobody who could.
Result<std::vector<GpuDevice>> sliced(const GpuSurvey& found, const SliceGpus& slice) {
  if (slice) return slice(found);
  return fail({ErrorCode::not_found, "this troupe was built without LibTorch", "GPUs"});
}
}  // namespace

Result<OfferedGpus> offer_gpus(const Config& config, const NodeConfig& node,
                               const std::function<GpuSurvey()>& look, const SliceGpus& slice) {
  auto found = find_gpus(config, node, look);
  if (!found) return fail(found.error());
  OfferedGpus offered{std::move(*found), {}, {}};
  if (!offered.found || offered.found->none) return offered;
  auto devices = sliced(*offered.found, slice);
  if (devices) {
    offered.devices = std::move(*devices);
    return offered;
  }
  const Error& why = devices.error();
  offered.unused = why.what;
  if (node.gpu != GpuUse::require) return offered;
  return fail({ErrorCode::bad_config, "the node requires a GPU, but jobs can't run on it: " + why.what,
               place_of(config, node, "gpu"), "gpu = \"require\"", "\"auto\" or \"none\" on this machine",
               why.hint});
}

Errors unfit_for_gpus(const Config& config, const OfferedGpus& offered) {
  std::vector<GpuPlace> places;
  for (const auto& gpu : offered.devices) places.push_back(place_of(config.nodes.front().name, gpu));
  Errors errors;
  for (const JobConfig& job : config.jobs) {
    const auto chosen = choose_gpu(job, places, {});
    if (chosen) continue;
    Error error = chosen.error();
    error.where = config.file.string() + ": " + error.where;
    errors.push_back(std::move(error));
  }
  return errors;
}

Result<std::optional<GpuSurvey>> find_gpus(const Config& config, const NodeConfig& node,
                                           const std::function<GpuSurvey()>& look) {
  if (node.gpu == GpuUse::none) return std::nullopt;
  GpuSurvey found = look();
  if (node.gpu != GpuUse::require || !found.none) return found;
  const Error& why = *found.none;
  std::string what = "the node requires a GPU, but " + why.what;
  if (!why.given.empty()) what += " (" + why.given + ")";
  return fail({ErrorCode::bad_config, std::move(what), place_of(config, node, "gpu"), "gpu = \"require\"",
               "\"auto\" or \"none\" on this machine", why.hint});
}

std::string gpu_line(const OfferedGpus& offered) {
  const auto& found = offered.found;
  if (!found) return "";
  if (found->none) return fmt::format("GPUs: none, {}; {}\n", found->none->what, kOnCpus);
  std::vector<std::string> usable;
  for (const auto& d : found->devices)
    if (d.usable) usable.push_back(short_text(d));
  return fmt::format("GPUs: {}; {}\n", fmt::join(usable, ", "),
                     offered.devices.empty() ? fmt::format("not used, {}: {}", offered.unused, kOnCpus)
                                             : use_text(offered.devices));
}

nlohmann::json gpu_json(const GpuSurvey& found) {
  nlohmann::json devices = nlohmann::json::array();
  for (const auto& d : found.devices) {
    nlohmann::json device = {{"name", d.facts.name},
                             {"bus", d.facts.bus},
                             {"sms", d.facts.sms},
                             {"memory", d.facts.memory.count},
                             {"compute_capability", fmt::format("{}.{}", d.facts.major, d.facts.minor)},
                             {"usable", d.usable}};
    if (d.grid) device["slices"] = {{"pieces", d.grid->pieces}, {"sms_each", d.grid->piece}};
    devices.push_back(device);
  }
  return {{"devices", devices}, {"none", found.none ? nlohmann::json(found.none->what) : nlohmann::json()}};
}

Findings judge_gpus(const GpuSurvey& found, const SliceGpus& slice, const std::optional<Error>& unmet) {
  Findings findings;
  if (found.driver > 0)
    findings.push_back({Verdict::ok, kTopic,
                        fmt::format("driver{}, speaks CUDA {}", found.nvml ? " " + *found.nvml : "",
                                    cuda::cuda_version_text(found.driver))});
  if (unmet)
    findings.push_back({Verdict::problem, kTopic, unmet->where + ": " + unmet->what, unmet->hint});
  else if (found.none)
    findings.push_back({Verdict::ok, kTopic, fmt::format("none, {}; {}", found.none->what, kOnCpus)});
  for (std::size_t i = 0; i < found.devices.size(); ++i) judge_device(found.devices[i], i, findings);
  if (found.devices.empty()) return findings;
  if (!found.nvml)
    findings.push_back({Verdict::warning, kTopic, found.nvml.error().what, found.nvml.error().hint});
  if (found.nccl)
    findings.push_back({Verdict::ok, kTopic, "NCCL " + cuda::nccl_version_text(*found.nccl)});
  else
    findings.push_back(
        {Verdict::warning, kTopic, "no NCCL: " + found.nccl.error().what, found.nccl.error().hint});
  if (found.none) return findings;
  const auto devices = sliced(found, slice);
  findings.push_back(devices ? Finding{Verdict::ok, kTopic, use_text(*devices)}
                             : Finding{Verdict::warning, kTopic,
                                       fmt::format("not used, {}: {}", devices.error().what, kOnCpus),
                                       devices.error().hint});
  return findings;
}

}  // namespace troupe
