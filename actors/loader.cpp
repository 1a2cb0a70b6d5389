#include "actors/loader.hpp"

namespace troupe {

loader_actor::behavior_type loader(loader_actor::stateful_pointer<LoaderState> self) {
  name_exceptions(self);
  return {
      [](const LoadFrom& m) {
        // The job restarted the queue before it sent this; push() says false when it does so again.
        auto& queue = m.program->batches();
        try {
          for (std::int64_t step = m.step; step < m.program->steps(); ++step)
            if (!queue.push(std::make_shared<const Batch>(m.program->make_batch(step)))) return;
        } catch (...) {
          queue.close(from_current_exception("loader"));  // the step that waits gets the reason
          throw;
        }
      },
  };
}

}  // namespace troupe
