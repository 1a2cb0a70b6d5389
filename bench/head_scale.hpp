#pragma once
// A head with very many nodes and jobs that compute nothing: what its decisions cost.
#include <optional>
#include <vector>

namespace troupe::bench {

struct HeadScale {
  int nodes = 1000, jobs = 500, cores = 8;  // cores: of each node
  double failure_timeout = 10;              // seconds
  int demands = 500, submissions = 100, losses = 20;
};

struct HeadFigures {
  double join_seconds = 0;                           // until the last node is in, ten knocking at a time
  std::vector<double> demands, submissions, losses;  // seconds of each decision
  double heartbeats = 0;                             // a second, at rest
  double round_trip_median = 0, round_trip_p99 = 0;  // of the heartbeats, over nodes; seconds
  double cpu_at_rest = 0, cpu_deciding = 0;          // cores of the head's process
  double bytes_empty = 0, bytes = 0;                 // resident
  int lost = 0;                                      // nodes killed at once
  double loss_known = 0, loss_told = 0;              // seconds from the kill: head knows all; last job told
  double descriptors = 0;                            // open in the head, at rest
};

/// Measured in a process of its own, with ten more for the nodes, forked: call it before any thread is
/// started. Nothing where it failed; stderr says why.
std::optional<HeadFigures> measure_head(const HeadScale& scale);

}  // namespace troupe::bench
