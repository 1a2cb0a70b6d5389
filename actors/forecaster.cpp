#include "actors/forecaster.hpp"

#include <fmt/core.h>

namespace troupe {

forecaster_actor::behavior_type forecaster(forecaster_actor::stateful_pointer<ForecasterState> self,
                                           std::shared_ptr<RatesSource> rates) {
  name_exceptions(self);
  self->state.rates = std::move(rates);
  return {[self](const AskForecast& m) {
    Forecast told;
    const auto failed = outcome_of(fmt::format("forecast of phase {}", m.phase), [&] {
      told.phase = m.program->forecast(m.phase);
      auto& source = self->state.rates;
      if (!told.phase || !source) return;
      if (const auto known = source->get()) told.rates = std::make_shared<const DeviceRates>(*known);
      told.troubles = source->troubles();
    });
    if (failed.error) told.troubles.push_back(*failed.error);
    return told;
  }};
}

}  // namespace troupe
