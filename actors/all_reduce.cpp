#include "actors/all_reduce.hpp"

namespace troupe {

all_reduce_actor::behavior_type all_reduce(all_reduce_actor::stateful_pointer<AllReduceState> self,
                                           AllReduceArgs args) {
  name_exceptions(self);
  self->state.args = std::move(args);
  const auto abort = [self](const std::string& reason) {
    if (!self->state.ends.empty()) self->state.ends.front()->abort(reason);
  };
  return {
      [self, abort](const FormGroup& m) {
        auto& state = self->state;
        abort("a new group was formed");
        if (!m.nodes) {
          state.ends = make_in_process(m.ranks, state.args.timeout_seconds);
          return Group{state.ends, {}};
        }
        auto options = *m.nodes;
        options.cpus = cpus_of(*state.args.device, m.cores);
        auto ends = make_node_group(*state.args.plane, options, state.args.make_fast);
        if (!ends) return Group{{}, {ends.error()}};
        state.ends = std::move(*ends);
        return Group{state.ends, {}};
      },
      [abort](const AbortGroup& m) { abort(m.reason); },
  };
}

}  // namespace troupe
