#pragma once
#include "actors/common.hpp"

namespace troupe {
struct LoaderState {
  const char* name = "loader";
};
loader_actor::behavior_type loader(loader_actor::stateful_pointer<LoaderState> self);
}  // namespace troupe
