#pragma once
#include "actors/common.hpp"
#include "predict/rates_file.hpp"

namespace troupe {
struct ForecasterState {
  std::shared_ptr<RatesSource> rates;  // null: nobody can measure them
  const char* name = "forecaster";
};
forecaster_actor::behavior_type forecaster(forecaster_actor::stateful_pointer<ForecasterState> self,
                                           std::shared_ptr<RatesSource> rates);
}  // namespace troupe
