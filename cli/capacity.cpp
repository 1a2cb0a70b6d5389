#include "cli/capacity.hpp"

#include "cli/text.hpp"

namespace troupe {
namespace {

/// Left to the system and to what is not counted (code, journals, page cache in use) where the node says
/// "auto".
constexpr double kAutoMemoryShare = 0.8;

void check_share(const JobConfig& job, const std::string& where, const CpuDevice& node, Errors& errors) {
  const int cores = static_cast<int>(node.cores.size());
  if (job.min_cores > cores) {
    errors.push_back({ErrorCode::no_capacity, "the job needs more cores than the node has", where,
                      "min_cores = " + std::to_string(job.min_cores), "1 … " + std::to_string(cores),
                      "Lower min_cores, or run it on a larger machine"});
  }
  if (job.memory && *job.memory > node.memory) {
    errors.push_back({ErrorCode::no_capacity, "the job asks for more memory than the node has", where,
                      "memory = \"" + to_string(*job.memory) + "\"", "at most " + to_string(node.memory),
                      "Lower memory, or leave it out: it is measured then"});
  }
}

}  // namespace

std::string place_of(const Config& config, const NodeConfig& node, const std::string& key) {
  const auto found = node.places.at.find(key);
  return (found == node.places.at.end() ? config.file.string() : found->second) + ": node " + node.name;
}

std::optional<Error> unknown_kind(const JobConfig& job, const std::string& where,
                                  const std::map<std::string, ProgramFactory>& kinds) {
  if (!job.plugin.empty() || kinds.count(job.kind) > 0) return std::nullopt;
  std::string known;
  for (const auto& [kind, factory] : kinds) known += (known.empty() ? "" : ", ") + kind;
  return Error{ErrorCode::bad_config,
               "no such kind of job",
               where,
               "kind = \"" + job.kind + "\"",
               known,
               "A kind of your own needs `plugin`, the shared library that has it"};
}

Checked<CpuDevice> fit_to_machine(const Config& config, const NodeConfig& node, const CpuDevice& machine,
                                  const std::map<std::string, ProgramFactory>& kinds) {
  Errors errors;
  const int there = static_cast<int>(machine.cores.size());
  const auto automatic =
      static_cast<std::int64_t>(kAutoMemoryShare * static_cast<double>(machine.memory.count));
  const Bytes memory = node.memory.value_or(Bytes{automatic});
  if (memory > machine.memory) {
    errors.push_back({ErrorCode::no_capacity, "more memory asked for than this process may use",
                      place_of(config, node, "memory"), "memory = \"" + to_string(memory) + "\"",
                      "at most " + to_string(machine.memory), "Write memory = \"auto\""});
  }
  const auto device =
      restrict_cpu(machine, node.cores.value_or(there), std::min(memory, machine.memory), node.oversubscribe);
  if (!device) {
    Error error = device.error();
    if (error.where.empty()) error.where = place_of(config, node, "cores");
    errors.push_back(error);
    return tl::unexpected<Errors>(errors);
  }
  for (const JobConfig& job : config.jobs) {
    const std::string where = config.file.string() + ": job " + job.name;
    if (config.nodes.size() == 1 && job.gpu != GpuUse::require) check_share(job, where, *device, errors);
    if (const auto unknown = unknown_kind(job, where, kinds)) errors.push_back(*unknown);
  }
  if (!errors.empty()) return tl::unexpected<Errors>(errors);
  return *device;
}

}  // namespace troupe
