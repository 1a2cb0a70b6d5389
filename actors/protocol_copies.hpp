#pragma once
// Messages and interfaces of copies of a job on other nodes. docs/design.md, "Many nodes".
#include <set>

#include "actors/held_copies.hpp"
#include "actors/protocol_gpu.hpp"
#include "actors/protocol_shared.hpp"
#include "base/config.hpp"
#include "transport/data_plane.hpp"
#include "transport/link_probe.hpp"
#include "transport/node_group.hpp"

namespace troupe {

// ---- courier: the state of a process's copy of a job, at a step's edge
struct MoveState {  // to or from another process
  bool send = false;
  PeerAddress peer;
  std::uint32_t channel = 0;
  std::int64_t step = 0;     // committed steps that it holds
  std::int64_t entered = 0;  // a step of the phase that its networks stand in
  std::int64_t epoch = 0;    // the move's own number, of those of leases
};

// ---- follower: a node's copy of a job
struct OpenFollower {  // build the program; where it stands already, say where its copy is
  JobConfig config;
  std::int64_t newest = 0;  // steps that the job took: a copy that holds more is of another run, or too late
  std::string run;          // its identity: a copy of another one is dropped
  std::int64_t epoch = 0;   // above that of every lease before it
};
struct FollowerOpened {
  std::int64_t step = -1;  // committed steps that the copy holds; -1: no network has state
  std::int64_t entered = -1;
  Outcome outcome;
  std::int64_t epoch = 0, first = -1;       // of the lease that it is of: see HeldCopy
  std::int64_t rows_from = 0, rows_to = 0;  // loss rows that it keeps
};
struct HoldShare {  // of one of that node's GPUs, at an edge, as TakeShare of a slice
  std::string gpu;  // "gpu0"; empty: nothing of the copy stays on any
  std::vector<int> pieces;
  Bytes budget;
};
struct FollowLease {
  std::int64_t epoch = 0;               // above that of every order before it
  std::int64_t first = 0, end = 0;      // steps
  std::vector<std::vector<int>> cores;  // of each rank here; of a GPU's one, its pieces
  std::vector<ShardRun> runs;
  Bytes budget;
  NodeGroupOptions group;
  std::vector<PeerAddress> peers;
  std::int64_t saved = 0;  // the head has the loss rows before this step on disk
};
struct LeaseEnd {
  std::int64_t next = -1;     // committed steps that the copy holds; -1: nobody knows
  std::int64_t entered = -1;  // a step of the phase that its networks stand in
  std::optional<Error> error;
  std::vector<StepStats> untold;  // after an error: the last steps, which rank 0 may have died with
  Bytes held, peak;
};
struct AskRows {  // loss rows of steps [from, to) that it keeps; so many as a message holds
  std::int64_t from = 0, to = 0;
};
struct TailRows {
  std::vector<StepStats> steps;  // step and scores alone
  Outcome outcome;
};
struct HeadGone {};  // agent -> follower: at the next edge it stops, and keeps its copy, on no GPU
struct StopLease {   // at the next edge; or the step in hand is given up
  bool abandon = false;
};

// ---- prober: how fast the way between two data planes is
struct ProbeLink {  // to both ends at once; who does not ask answers
  bool ask = false;
  PeerAddress peer;
  std::uint32_t channel = 0;
  Bytes bytes;  // each way; 0: round trips alone
};
struct Probed {
  LinkSpeed speed;  // as who asks saw it
  Outcome outcome;
};

// ---- node_link: a node that joined, as the head sees it
struct PingDue {};  // node_link -> itself
struct FindNode {   // job -> supervisor
  std::string node;
};
struct AwaitNode {  // job -> supervisor: answered when it is there
  std::string node;
};
struct NodeDown {  // node_link -> supervisor
  std::string node;
  std::uint64_t incarnation = 0;
  std::string why;
};
struct SilenceOver {  // job -> itself: ask again for a node that did not answer
  std::string node;
};
struct LeaveNode {  // supervisor -> job: give back what it has there; answered when nothing of it is used
  std::string node;
};
struct NodeUnfit {  // job -> supervisor: its copy can't be opened there
  std::string job, node, why;
};
struct NodeLost {  // supervisor -> job: what it had there is gone
  std::string node, why;
};

// ---- leases, for a head that is started again
struct NoteLease {  // before any row of it: for JOB/leases.csv
  std::string job;
  LeaseNote lease;
};
struct AskRecords {  // what an earlier head left, before OpenLosses
  std::string job;
};
struct Records {
  std::int64_t rows = 0;  // of steps 0 … rows - 1, in losses.csv
  std::vector<LeaseNote> leases;
  Outcome outcome;  // why nobody knows the leases
};

// ---- interfaces
/// Detached: waits for the network, and touches networks at edges alone.
using courier_actor = caf::typed_actor<caf::replies_to<EnterPhase>::with<Outcome>,  //
                                       caf::replies_to<MoveState>::with<Outcome>>;
/// Detached: waits for the network; gone after its answer.
using prober_actor = caf::typed_actor<caf::replies_to<ProbeLink>::with<Probed>>;
/// Event-based. On its node, the copy itself; on the head, one that passes orders on.
using follower_actor = caf::typed_actor<caf::replies_to<OpenFollower>::with<FollowerOpened>,  //
                                        caf::replies_to<FollowLease>::with<LeaseEnd>,         //
                                        caf::replies_to<HoldShare>::with<ShareTaken>,         //
                                        caf::replies_to<AskRows>::with<TailRows>,             //
                                        caf::reacts_to<StopLease>,                            //
                                        caf::replies_to<MoveState>::with<Outcome>>;
/// Event-based: asks the node for signs of life, makes the followers that stand for its own, and passes
/// probes on.
using node_link_actor = caf::typed_actor<caf::replies_to<struct MakeProxy>::with<follower_actor>,  //
                                         caf::replies_to<ProbeLink>::with<Probed>,                 //
                                         caf::reacts_to<PingDue>>;
struct MakeProxy {  // a follower that stands for the node's own
  std::string job;
  steps_sink report_to;
};
struct FoundNode {
  node_link_actor link;  // null: there is no such node (any more)
  PeerAddress address;
  std::set<std::string> copies;  // jobs of this run that it came with copies of
};

}  // namespace troupe

TROUPE_LOCAL(MoveState)
TROUPE_LOCAL(AskRows)
TROUPE_LOCAL(TailRows)
TROUPE_LOCAL(AwaitNode)
TROUPE_LOCAL(NoteLease)
TROUPE_LOCAL(AskRecords)
TROUPE_LOCAL(Records)
TROUPE_LOCAL(OpenFollower)
TROUPE_LOCAL(FollowerOpened)
TROUPE_LOCAL(FollowLease)
TROUPE_LOCAL(HoldShare)
TROUPE_LOCAL(LeaseEnd)
TROUPE_LOCAL(StopLease)
TROUPE_LOCAL(HeadGone)
TROUPE_LOCAL(MakeProxy)
TROUPE_LOCAL(ProbeLink)
TROUPE_LOCAL(Probed)
TROUPE_LOCAL(PingDue)
TROUPE_LOCAL(FindNode)
TROUPE_LOCAL(FoundNode)
TROUPE_LOCAL(NodeDown)
TROUPE_LOCAL(LeaveNode)
TROUPE_LOCAL(NodeUnfit)
TROUPE_LOCAL(NodeLost)
TROUPE_LOCAL(SilenceOver)
