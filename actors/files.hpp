#pragma once
// The actors that wait for the disk: builder and checkpointer.
#include "actors/common.hpp"

namespace troupe {
struct BuilderState {
  const char* name = "builder";
};
builder_actor::behavior_type builder(builder_actor::stateful_pointer<BuilderState> self,
                                     progress_sink report_to);

struct CheckpointerState {
  std::unique_ptr<CheckpointStore> store;
  const char* name = "checkpointer";
};
checkpointer_actor::behavior_type checkpointer(checkpointer_actor::stateful_pointer<CheckpointerState> self,
                                               std::filesystem::path folder, int keep);
}  // namespace troupe
