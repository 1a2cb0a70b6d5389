#include "actors/node.hpp"

#include "actors/all_reduce.hpp"
#include "actors/loader.hpp"
#include "actors/slice.hpp"

namespace troupe {

node_actor::behavior_type node(node_actor::stateful_pointer<NodeState> self, NodeArgs args) {
  name_exceptions(self);
  self->state.args = std::move(args);
  return {
      [self](const MakeSlice& m) -> slice_actor {
        const auto& a = self->state.args;
        // detached: it computes
        return self->spawn<caf::detached>(
            slice, SliceArgs{m.job, m.account, a.device, a.thread_setup, a.clock, m.meter, m.of_gpu});
      },
      [self](const MakeAllReduce&) -> all_reduce_actor {
        const auto& a = self->state.args;
        return self->spawn(all_reduce,
                           AllReduceArgs{a.failure_timeout_seconds, a.plane, a.make_fast, a.device});
      },
      [self](const MakeLoader&) -> loader_actor {
        // detached: it reads and converts images, and blocks while the queue is full
        return self->spawn<caf::detached>(loader);
      },
  };
}

}  // namespace troupe
