#pragma once
// The tree: who is spawned by whom, on which kind of thread. (A job's own children: training_job.cpp; a
// node's: node.cpp.)
//
//   supervisor            event-based    the plan: who gets which slice
//   ├─ predictor          event-based    what a phase needs
//   ├─ recorder           detached       events -> journal, metrics, pictures (files)
//   ├─ node_link …        event-based    one a node that joined: is it alive, the way to its copies of jobs
//   ├─ node               event-based    the head's own machine
//   │  ├─ slice …         detached       owns threads and a memory account, or a share of the GPU (computes)
//   │  ├─ all_reduce …    event-based    one a job; the in-process back end blocks only slices
//   │  └─ loader …        detached       makes batches ahead of the step (reads, blocks on a full queue)
//   └─ job …              event-based    the conductor
//      ├─ builder         detached       opens the data, then gone (files)
//      ├─ forecaster      detached       what phases will take (runs steps dry)
//      ├─ preparer        detached       contexts of a GPU slice's next share (waits for the driver)
//      ├─ checkpointer    detached       (files)
//      ├─ courier         detached       states of copies to and from other nodes (network)
//      ├─ discriminator   detached       owns one network (computes at edges, writes files)
//      └─ generator × K   detached
#include <caf/actor_system.hpp>

#include "actors/cluster.hpp"
#include "actors/supervisor.hpp"
#include "ops/recorder.hpp"

namespace troupe {

struct Tree {
  predictor_actor predictor;
  recorder_actor recorder;
  std::map<std::string, node_actor> nodes;
  supervisor_actor supervisor;
};

struct TreeArgs {
  const ClusterOptions* options = nullptr;  // read while the tree is planted
  std::shared_ptr<Journal> journal;
  std::shared_ptr<Metrics> metrics;
  SharedClock clock;
  std::function<int()> port;
  std::shared_ptr<DataPlane> plane;  // null: no node is let in
  PeerAddress address;               // of that
  std::string run_id;                // the run's identity
};

Tree plant(caf::actor_system& system, const TreeArgs& args);

}  // namespace troupe
