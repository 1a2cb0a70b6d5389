#pragma once
// One stage's shards, shared out among a slice's workers so that none is idle while work is left.
#include <atomic>
#include <functional>
#include <vector>

#include "gpu/collective.hpp"
#include "train/program.hpp"

namespace troupe {

/// Workers take whole shards one by one, each then the parts that its shard left over; who finds no shard any
/// more takes parts of the others' (Program::finish). What is computed does not depend on by whom.
class ShardWork {
 public:
  /// One step's stage over the shards of `run`, but for the parts of the last `left` shards, which are the
  /// caller's to finish. `given_up` is asked before each shard; where it is true, work throws interrupted.
  ShardWork(Program& program, ShardRun run, int stage, std::int64_t step, int left,
            std::function<bool()> given_up);
  /// Called by every worker once, at the same time; returns when nothing is left to take. Seconds inside the
  /// program, without waiting, are added to `seconds`. Throws what the program throws; the other workers then
  /// return with their work undone.
  void work(const std::function<double()>& now, double& seconds);

 private:
  static constexpr int kNotReady = -1;
  void shard(int index, const std::function<double()>& now, double& seconds);
  /// Takes parts of the shard until there are none left to take.
  void drain(int index, const std::function<double()>& now, double& seconds);
  bool all_taken() const;
  void moved() noexcept;

  Program& program_;
  const ShardRun run_;
  const int stage_, parts_, left_;
  const bool holds_;  // one shard's parts, while the next is computed
  const std::int64_t step_;
  const std::function<bool()> given_up_;
  std::atomic<int> next_shard_{0};
  std::vector<std::atomic<int>> next_part_;  // of each shard
  std::atomic<std::uint32_t> moves_{0};  // shards that became ready, and failures: idle workers wait on it
  std::atomic<bool> failed_{false};
};

}  // namespace troupe
