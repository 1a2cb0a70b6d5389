#pragma once
// Generators and discriminators: the owners of networks.
#include <functional>

#include "actors/common.hpp"

namespace troupe {
struct ReplicaArgs {
  std::shared_ptr<Replica> replica;
  std::shared_ptr<Account> account;  // the job's: what a network holds counts against its slices' budget
  std::function<void()> thread_setup;
  /// Of a network on a GPU: its slice, on whose thread all is done that touches the network. Null: on this
  /// actor's own.
  slice_actor on;
};
struct ReplicaState {
  ReplicaArgs args;
  std::shared_ptr<const Snapshot> snapshot;
  std::int64_t snapshot_step = -1;
  bool set_up = false;
  const char* name = "replica";
};
replica_actor::behavior_type replica(replica_actor::stateful_pointer<ReplicaState> self, ReplicaArgs args);
}  // namespace troupe
