#pragma once
#include "actors/common.hpp"
#include "gpu/devices.hpp"

namespace troupe {
struct AllReduceArgs {
  /// After so many seconds a rank that has not come is named and the group fails.
  double timeout_seconds = 30;
  std::shared_ptr<DataPlane> plane;  // null: ranks of this process alone
  MakeProcessSum make_fast;
  std::shared_ptr<const CpuDevice> device;
};
struct AllReduceState {
  AllReduceArgs args;
  std::vector<std::shared_ptr<Collective>> ends;
  const char* name = "all_reduce";
};
all_reduce_actor::behavior_type all_reduce(all_reduce_actor::stateful_pointer<AllReduceState> self,
                                           AllReduceArgs args);
}  // namespace troupe
