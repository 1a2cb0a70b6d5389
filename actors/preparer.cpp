#include "actors/preparer.hpp"

namespace troupe {

preparer_actor::behavior_type preparer(preparer_actor::stateful_pointer<PreparerState> self) {
  name_exceptions(self);
  return {[](const PrepareContexts& m) {
    return outcome_of("contexts of a slice", [&] {
      if (auto made = m.prepare(m.pieces); !made) throw ErrorException(std::move(made.error()));
    });
  }};
}

}  // namespace troupe
