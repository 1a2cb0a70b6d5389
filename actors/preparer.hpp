#pragma once
#include "actors/common.hpp"

namespace troupe {
struct PreparerState {
  const char* name = "preparer";
};
preparer_actor::behavior_type preparer(preparer_actor::stateful_pointer<PreparerState> self);
}  // namespace troupe
