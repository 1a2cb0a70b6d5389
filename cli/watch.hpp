#pragma once
// Follows a running cluster.
#include <optional>
#include <string>

#include "cli/progress.hpp"
#include "cli/services.hpp"

namespace troupe {

struct WatchOptions {
  bool stay = false;  // go on when no job is left: until interrupted, or shut down from elsewhere
  bool show = true;   // draw progress
  double poll_seconds = 0.25;
};

struct WatchEnd {
  enum Why { finished, interrupted, shut_down, failed } why = finished;
  Json jobs = Json::array();   // as last seen
  std::optional<Error> error;  // of `failed`
};

/// Returns when no job runs or waits, somebody pressed Ctrl-C, the cluster was shut down, or it no longer
/// answers.
WatchEnd watch_cluster(const Request& request, const Services& services, const Terminal& terminal,
                       const WatchOptions& options);

/// Follows one job until it ends: its events as lines, or raw with `json`. Exit code 0, 1 where it failed,
/// 130. `after`: where in the events to begin. Without `follow` it returns after the events that there are.
int follow_job(const Request& request, const Services& services, const Terminal& terminal,
               const std::string& job, bool follow, bool json, long after = 0);

}  // namespace troupe
