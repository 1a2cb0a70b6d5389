#pragma once
// The steps of a job, run by one slice (one rank) between two edges. Knows no actor, no LibTorch.
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "gpu/collective.hpp"
#include "gpu/cpu_slice.hpp"
#include "train/program.hpp"

namespace troupe {

/// Shared by the slices of one job and whoever may stop them. Any thread.
class StepControl {
 public:
  void request_edge() noexcept { edge_.store(true, std::memory_order_release); }
  bool edge_requested() const noexcept { return edge_.load(std::memory_order_acquire); }
  /// Give the step in hand up (it is rolled back): shards not yet begun are not computed.
  void abandon() noexcept {
    abandon_.store(true, std::memory_order_release);
    request_edge();
  }
  bool abandoned() const noexcept { return abandon_.load(std::memory_order_acquire); }
  void clear() noexcept {
    edge_ = false;
    abandon_ = false;
  }

 private:
  std::atomic<bool> edge_{false}, abandon_{false};
};

/// Of one committed step. Seconds of shards, reduction and update are summed over this rank's workers.
struct StepStats {
  std::int64_t step = 0;
  double began_at = 0, first_shard_at = 0;  // clock seconds
  double seconds = 0, wait_seconds = 0;
  double shard_seconds = 0, reduce_seconds = 0, update_seconds = 0;
  std::int64_t reduce_bytes = 0;  // read and written by this rank's sums
  int workers = 0;
  std::vector<Score> scores;
};

struct Lease {
  std::shared_ptr<Program> program;
  std::shared_ptr<StepControl> control;
  std::int64_t first = 0, end = 0;  // steps, [first, end): within one phase
};

struct LoopEnd {
  std::int64_t next = 0;       // the first step that was not committed
  double stopped_at = 0;       // when the last step ended
  std::optional<Error> error;  // the step `next` failed
  bool begun = false;          // by this rank, and not committed: to be rolled back once all ranks here ended
};

/// Runs until lease.end or an edge is asked for. Every rank of the collective calls it with the same lease;
/// they all stop before the same step. `on_step` is called on the rank that leads its process alone, after
/// each commit. `now`: monotonic seconds.
LoopEnd run_steps(const Lease& lease, CpuSlice& slice, Collective& collective, ShardRun run,
                  const std::function<void(const StepStats&)>& on_step, const std::function<double()>& now);

}  // namespace troupe
