#pragma once
// A node that joined, as the head sees it: is it alive, and the way to its copies of jobs.
#include <atomic>

#include "actors/common.hpp"
#include "actors/plane_refusals.hpp"
#include "actors/wire.hpp"

namespace troupe {
/// How a node answers, for those who ask about it; written by its link alone.
struct NodePulse {
  std::atomic<std::int64_t> heard{0};          // signs of life
  std::atomic<double> round_trip_seconds{-1};  // of the newest; -1: none yet
  std::atomic<double> heard_at{0};             // clock seconds of the newest, or of its coming
};
struct NodeLinkArgs {
  wire::Card card;
  caf::actor agent;  // of the node's process
  supervisor_actor supervisor;
  recorder_actor recorder;
  SharedClock clock;
  double failure_timeout_seconds = 30;
  std::shared_ptr<NodePulse> pulse;
};
struct NodeLinkState {
  NodeLinkArgs args;
  double heard_at = 0;  // clock seconds
  PlaneRefusals refused;
  const char* name = "node_link";
};
/// Linked to what it makes: when the node is lost, its followers here end and answer what they were asked
/// with peer_missing.
node_link_actor::behavior_type node_link(node_link_actor::stateful_pointer<NodeLinkState> self,
                                         NodeLinkArgs args);
}  // namespace troupe
