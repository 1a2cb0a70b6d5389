#pragma once
#include <functional>

#include "actors/common.hpp"
#include "gpu/devices.hpp"
#include "gpu/process_sum.hpp"

namespace troupe {
struct NodeArgs {
  std::string name;
  std::shared_ptr<const CpuDevice> device;
  std::function<void()> thread_setup;
  SharedClock clock;
  double failure_timeout_seconds = 30;
  std::shared_ptr<DataPlane> plane;  // null: this process exchanges no tensors with others
  MakeProcessSum make_fast;          // none: no fast sums over processes
};
struct NodeState {
  NodeArgs args;
  const char* name = "node";
};
node_actor::behavior_type node(node_actor::stateful_pointer<NodeState> self, NodeArgs args);
}  // namespace troupe
