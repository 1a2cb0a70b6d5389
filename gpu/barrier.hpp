#pragma once
// The barrier under the collectives, among the ranks of one process: it knows who is missing, can be failed
// from outside and stays failed.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "base/error.hpp"

namespace troupe {

/// One thread a rank. Waiters spin for microseconds (unless there are more ranks than cpus), then sleep.
class RankBarrier {
 public:
  /// Asked on the thread of a rank that has waited for the timeout, with who is missing: what to fail with,
  /// or nothing to wait as long again. For groups of which the barrier's ranks are only a part.
  using Late = std::function<std::optional<Error>(const std::vector<int>& missing)>;

  /// Without `late` the barrier words the error itself.
  RankBarrier(int ranks, double timeout_seconds, Late late = {});

  /// Returns when every rank has come; fails with peer_missing after the timeout, or with what fail() was
  /// given.
  Result<void> arrive(int rank);
  /// Lets every pending and further arrive() fail with the first error given. Any thread.
  void fail(Error error) noexcept;
  bool failed() const noexcept { return word_.load(std::memory_order_acquire) & kFailed; }
  Error error() const;
  std::optional<Error> failure() const {
    if (!failed()) return std::nullopt;
    return error();
  }

 private:
  static constexpr std::uint32_t kFailed = 1, kGeneration = 2;
  struct alignas(64) Mark {
    std::atomic<std::uint32_t> generation{1};  // the one the rank has come for; 1: none yet
  };

  bool passed(std::uint32_t word) const noexcept {
    return (word_.load(std::memory_order_acquire) ^ word) & ~kFailed;
  }
  void sleep(std::uint32_t word, std::chrono::nanoseconds limit) noexcept;
  /// The ranks that have not come for the generation of `word`.
  std::vector<int> missing(std::uint32_t word) const;
  std::optional<Error> late(const std::vector<int>& missing) const;

  const int ranks_;
  const double timeout_;
  const Late late_;
  const bool spins_;
  alignas(64) std::atomic<std::uint32_t> word_{0};  // generation, and bit 0: failed. What waiters sleep on
  alignas(64) std::atomic<int> arrived_{0};
  std::atomic<int> sleepers_{0};
  std::vector<Mark> marks_;
  mutable std::mutex mutex_;
  Error error_;
};

}  // namespace troupe
