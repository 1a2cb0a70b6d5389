#pragma once
// Whether a configuration fits this machine, before anything starts.
#include <map>
#include <optional>
#include <string>

#include "base/config.hpp"
#include "cli/services.hpp"

namespace troupe {

/// The node's share of the machine; refused where it asks for more cores or memory than there are, and where
/// a job does so of its node, or is of a kind that is not there. All errors at once.
/// `node`: which of the file's this machine is. Where there are several, the jobs' cores and memory are not
/// judged: nobody knows which nodes will be there.
Checked<CpuDevice> fit_to_machine(const Config& config, const NodeConfig& node, const CpuDevice& machine,
                                  const std::map<std::string, ProgramFactory>& kinds);

/// Where a node's key stands, for errors: "cluster.toml:12:7: node local", or the file where it was left out.
std::string place_of(const Config& config, const NodeConfig& node, const std::string& key);

/// Of a job whose kind is neither built in nor brought by a plugin.
std::optional<Error> unknown_kind(const JobConfig& job, const std::string& where,
                                  const std::map<std::string, ProgramFactory>& kinds);

}  // namespace troupe
