#include "data/batch.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace troupe {

BatchQueue::BatchQueue(int capacity) : capacity_(capacity) {
  if (capacity < 1) {
    throw ErrorException({ErrorCode::internal, "a queue of batches needs room", "", std::to_string(capacity),
                          "at least 1", ""});
  }
}

/// A producer that sleeps before a full queue is woken when half of it is used up: it then makes several
/// batches in one go, instead of interrupting every step for one.
bool BatchQueue::push(std::shared_ptr<const Batch> batch) {
  std::unique_lock lock(mutex_);
  const auto moved = [&] { return closed_ || batch->step != next_; };
  changed_.wait(lock, [&] { return moved() || static_cast<int>(ready_.size()) < capacity_; });
  if (moved()) return false;
  ready_.emplace(next_++, std::move(batch));
  changed_.notify_all();
  return true;
}

std::shared_ptr<const Batch> BatchQueue::wait(std::int64_t step) {
  using Clock = std::chrono::steady_clock;
  std::unique_lock lock(mutex_);
  std::optional<Clock::time_point> since;
  const auto leave = [&] {
    if (since) waited_ += std::chrono::duration<double>(Clock::now() - *since).count();
  };
  while (!closed_) {
    // Older batches are dropped each time round: a producer that is behind must find room to catch up.
    ready_.erase(ready_.begin(), ready_.lower_bound(step));
    const bool low = static_cast<int>(ready_.size()) <= capacity_ / 2;
    if (const auto found = ready_.find(step); found != ready_.end()) {
      leave();
      auto batch = found->second;
      lock.unlock();  // who is woken need not wait for this thread
      if (low) changed_.notify_all();
      return batch;
    }
    if (low) changed_.notify_all();
    if (step < next_) {
      leave();
      throw ErrorException({ErrorCode::internal, "the batch of this step was dropped already", "",
                            std::to_string(step), "from " + std::to_string(next_), "Call restart first"});
    }
    if (!since) since = Clock::now();
    changed_.wait(lock);
  }
  leave();
  throw ErrorException(reason_);
}

void BatchQueue::restart(std::int64_t step) {
  const std::lock_guard lock(mutex_);
  ready_.clear();
  next_ = step;
  changed_.notify_all();
}

void BatchQueue::close(Error reason) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;  // the first reason is the root cause
  closed_ = true;
  reason_ = std::move(reason);
  ready_.clear();
  changed_.notify_all();
}

double BatchQueue::waited_seconds() const {
  const std::lock_guard lock(mutex_);
  return waited_;
}

}  // namespace troupe
