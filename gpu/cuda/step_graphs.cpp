#include "gpu/cuda/step_graphs.hpp"

#include <utility>

namespace troupe::cuda {

Result<Ran> StepGraphs::run_eagerly(Entry& entry, const std::function<void()>& work) {
  if (auto ran = maker_.run(work); !ran) return fail(std::move(ran.error()));
  ++entry.runs;
  ++eager_;
  return Ran::eagerly;
}

Result<Ran> StepGraphs::replay(const GraphKey& key, Entry& entry, Ran how) {
  if (auto replayed = entry.graph->replay(); !replayed) {
    known_.drop_where([&](const GraphKey& k) { return k == key; });
    return fail(std::move(replayed.error()));
  }
  if (how == Ran::replayed) ++replays_;
  return how;
}

Result<Ran> StepGraphs::run(const GraphKey& key, const std::function<void()>& work) {
  Entry* entry = known_.find(key);
  if (entry == nullptr) {
    known_.put(key, {});
    entry = known_.find(key);
  }
  if (entry->graph) return replay(key, *entry, Ran::replayed);
  if (entry->gave_up || entry->runs < warm_ups_) return run_eagerly(*entry, work);
  auto captured = maker_.capture(work);
  if (!captured) {
    trouble_ = captured.error().text();
    entry->gave_up = true;
    return run_eagerly(*entry, work);
  }
  entry->graph = std::move(*captured);
  ++captures_;
  return replay(key, *entry, Ran::captured);
}

void StepGraphs::forget() {
  known_.drop_where([](const GraphKey&) { return true; });
}

}  // namespace troupe::cuda
