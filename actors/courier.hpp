#pragma once
// A process's copy of a job: entering phases, and its state to and from other processes. All of it at a
// step's edge: nobody else touches the networks meanwhile.
#include <functional>

#include "actors/common.hpp"
#include "gpu/account.hpp"

namespace troupe {
struct CourierArgs {
  std::shared_ptr<Program> program;
  std::shared_ptr<Account> account;
  std::shared_ptr<DataPlane> plane;
  std::function<void()> thread_setup;
  double timeout_seconds = 30;  // for a peer that does not come, or stops
  /// Of networks on a GPU: their slice, on whose thread all of it is done. Null: on this actor's own.
  slice_actor on = {};
};
struct CourierState {
  CourierArgs args;
  bool set_up = false;
  const char* name = "courier";
};
courier_actor::behavior_type courier(courier_actor::stateful_pointer<CourierState> self, CourierArgs args);
}  // namespace troupe
