#pragma once
// The trace of an Alibaba cluster with shared GPUs (cluster-trace-gpu-v2023; Weng et al., ATC 2023), as
// published: https://github.com/alibaba/clusterdata
#include <filesystem>
#include <vector>

#include "base/error.hpp"
#include "predict/pack/task.hpp"

namespace troupe::traces {

/// openb_node_list_gpu_node.csv: sn, cpu_milli, memory_mib, gpu, model. Two nodes of one name are refused.
Result<std::vector<pack::Machine>> read_machines(const std::filesystem::path& file);

/// openb_pod_list_*.csv: cpu_milli, memory_mib, num_gpu, gpu_milli, gpu_spec (models, split by |; empty:
/// any). gpu_milli may be empty where num_gpu is 0.
Result<std::vector<pack::Task>> read_tasks(const std::filesystem::path& file);

/// Where it is published, for people who do not have it.
extern const char* const kWhereAlibabaIs;

}  // namespace troupe::traces
