#pragma once
#include "actors/common.hpp"

namespace troupe {
struct ProberState {
  std::shared_ptr<DataPlane> plane;
  SharedClock clock;
  const char* name = "prober";
};
/// One end of one measurement; ends after its answer.
prober_actor::behavior_type prober(prober_actor::stateful_pointer<ProberState> self,
                                   std::shared_ptr<DataPlane> plane, SharedClock clock);
}  // namespace troupe
