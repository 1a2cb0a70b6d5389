#pragma once
// What every back end of the collectives keeps beside its calls: who reads the others' memory, and for how
// long a call lasted.
#include <atomic>
#include <chrono>
#include <cstdint>

namespace troupe {

/// Ranks inside a sum, who may read the memory of others.
class Readers {
 public:
  /// While it lives, its rank may read other ranks' buffers. Made before the rank comes to the barrier: who
  /// has passed the barrier sees all of them.
  class Reading {
   public:
    explicit Reading(Readers& readers) : count_(readers.count_) { count_.fetch_add(1); }
    ~Reading() {
      if (count_.fetch_sub(1) == 1) count_.notify_all();
    }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

   private:
    std::atomic<std::uint32_t>& count_;
  };

  /// Returns when nobody reads any more.
  void outlast() noexcept {
    for (auto n = count_.load(); n != 0; n = count_.load()) count_.wait(n);
  }

 private:
  std::atomic<std::uint32_t> count_{0};
};

/// Adds the time of a call to a counter of nanoseconds that other threads may read.
class TimedCall {
 public:
  explicit TimedCall(std::atomic<std::int64_t>& total) : total_(total) {}
  ~TimedCall() {
    const auto spent = std::chrono::steady_clock::now() - start_;
    total_.fetch_add(std::chrono::duration_cast<std::chrono::nanoseconds>(spent).count(),
                     std::memory_order_relaxed);
  }
  TimedCall(const TimedCall&) = delete;
  TimedCall& operator=(const TimedCall&) = delete;

 private:
  std::atomic<std::int64_t>& total_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace troupe
