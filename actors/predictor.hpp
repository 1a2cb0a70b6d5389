#pragma once
#include <map>

#include "actors/common.hpp"

namespace troupe {
struct PredictorState {
  std::map<std::string, DemandTable> tables;  // by job
  const char* name = "predictor";
};
predictor_actor::behavior_type predictor(predictor_actor::stateful_pointer<PredictorState> self);
}  // namespace troupe
