#pragma once
#include "actors/common.hpp"

namespace troupe {
struct AllReduceState {
  std::vector<std::shared_ptr<Collective>> ends;
  const char* name = "all_reduce";
};
/// timeout: seconds after which a rank that has not come is named and the group fails.
all_reduce_actor::behavior_type all_reduce(all_reduce_actor::stateful_pointer<AllReduceState> self,
                                           double timeout_seconds);
}  // namespace troupe
