#pragma once
// Batches made ahead of the step by a loader, taken by the step.
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/error.hpp"

namespace troupe {

/// One step's inputs. images: [count, channels, size, size], -1 … 1.
struct Batch {
  std::int64_t step = 0;
  int count = 0, channels = 1, size = 0;
  std::vector<float> images;
  std::vector<std::int64_t> labels;  // empty where the job has none
};

/// Bounded hand-over from one producer to many consumers, by step number.
class BatchQueue {
 public:
  /// `capacity` >= 1 batches, the one that is being consumed among them.
  explicit BatchQueue(int capacity);
  /// Producer: blocks while full. False when closed, or when the consumers moved to another place (see
  /// restart).
  bool push(std::shared_ptr<const Batch> batch);
  /// Consumer: blocks until the batch of `step` is there; drops older ones, and keeps this one for
  /// other consumers of the same step. Throws ErrorException once closed, or for a step that was dropped
  /// already.
  std::shared_ptr<const Batch> wait(std::int64_t step);
  /// Forgets everything; the next push must be of `step`.
  void restart(std::int64_t step);
  void close(Error reason);
  double waited_seconds() const;  // by consumers, so far

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::int64_t, std::shared_ptr<const Batch>> ready_;
  int capacity_;
  std::int64_t next_ = 0;
  bool closed_ = false;
  Error reason_;
  double waited_ = 0;
};

}  // namespace troupe
