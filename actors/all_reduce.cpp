#include "actors/all_reduce.hpp"

namespace troupe {

all_reduce_actor::behavior_type all_reduce(all_reduce_actor::stateful_pointer<AllReduceState> self,
                                           double timeout_seconds) {
  name_exceptions(self);
  const auto abort = [self](const std::string& reason) {
    if (!self->state.ends.empty()) self->state.ends.front()->abort(reason);
  };
  return {
      [self, abort, timeout_seconds](const FormGroup& m) {
        abort("a new group was formed");
        self->state.ends = make_in_process(m.ranks, timeout_seconds);
        return Group{self->state.ends};
      },
      [abort](const AbortGroup& m) { abort(m.reason); },
  };
}

}  // namespace troupe
