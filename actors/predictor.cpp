#include "actors/predictor.hpp"

namespace troupe {

predictor_actor::behavior_type predictor(predictor_actor::stateful_pointer<PredictorState> self) {
  name_exceptions(self);
  return {
      [self](const AskDemand& m) {
        return self->state.tables[m.job].demand(m.phase, m.phase_name, m.relative_seconds, m.relative_bytes);
      },
      [self](const Measured& m) {
        self->state.tables[m.job].measured(m.measurement, m.relative_seconds, m.relative_bytes);
      },
  };
}

}  // namespace troupe
