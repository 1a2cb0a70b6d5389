#pragma once
// The real tree of actors in one process, over cores that are none: jobs that compute nothing, each on slices
// of one core.
#include <optional>

namespace troupe::bench {

struct ClusterFigures {
  double running_seconds = 0;  // from the first submission until every job's first step
  double bytes = 0;            // resident, beyond those of the empty process
  double requests = 0;         // a second: questions answered by the supervisor beside those jobs
  double resizes = 0;          // a second: applied by the jobs, asked for one after the other
  double messages = 0;         // a second while resizing, counted low (idle_cluster.cpp)
};

/// Measured in a process of its own, forked: call it before any thread is started. `seconds` are spent on
/// requests and again on resizes (0: neither). Nothing where the cluster failed; stderr says why.
std::optional<ClusterFigures> measure_cluster(int jobs, int slices_a_job, double seconds);

}  // namespace troupe::bench
