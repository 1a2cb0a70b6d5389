#pragma once
// When a piece of a step is run as it is, when it is captured as a CUDA graph, and when what was captured is
// replayed. Decides; the capturing is done by whoever knows how (gpu/cuda/torch/).
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "gpu/cuda/graph_key.hpp"

namespace troupe::cuda {

/// Work captured. Its kernels read and write the addresses that they were captured with.
class StepGraph {
 public:
  virtual ~StepGraph() = default;
  /// Given to the slice's stream; comes back at once.
  virtual Result<void> replay() = 0;
};

class GraphMaker {
 public:
  virtual ~GraphMaker() = default;
  virtual Result<void> run(const std::function<void()>& work) = 0;
  /// Records what `work` would do and does none of it.
  virtual Result<std::unique_ptr<StepGraph>> capture(const std::function<void()>& work) = 0;
};

enum class Ran { eagerly, captured, replayed };

/// For one thread, the slice's.
class StepGraphs {
 public:
  /// At most `bound` keys are known at a time. A key's first `warm_ups` runs are eager: in them libraries
  /// choose their kernels and take their workspaces, which can't be captured.
  StepGraphs(GraphMaker& maker, std::size_t bound, int warm_ups = 2)
      : maker_(maker), warm_ups_(warm_ups), known_(bound) {}

  /// Runs `work` one way or another, once. A capture that fails leaves its key to eager runs and its reason
  /// in trouble(). Errors: those of the run.
  Result<Ran> run(const GraphKey& key, const std::function<void()>& work);
  /// E.g. since the slice has another size: what is run next is captured anew.
  void forget();

  std::size_t known() const noexcept { return known_.size(); }
  std::int64_t captures() const noexcept { return captures_; }
  std::int64_t replays() const noexcept { return replays_; }
  std::int64_t eager_runs() const noexcept { return eager_; }
  /// Why the newest capture that failed did; empty where none has.
  const std::string& trouble() const noexcept { return trouble_; }

 private:
  struct Entry {
    int runs = 0;
    bool gave_up = false;
    std::unique_ptr<StepGraph> graph;
  };
  Result<Ran> run_eagerly(Entry& entry, const std::function<void()>& work);
  Result<Ran> replay(const GraphKey& key, Entry& entry, Ran how);

  GraphMaker& maker_;
  const int warm_ups_;
  GraphCache<Entry> known_;
  std::int64_t captures_ = 0, replays_ = 0, eager_ = 0;
  std::string trouble_;
};

}  // namespace troupe::cuda
