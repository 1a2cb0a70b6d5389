#include "gpu/barrier.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "gpu/futex.hpp"

namespace troupe {

RankBarrier::RankBarrier(int ranks, double timeout_seconds, Late late)
    : ranks_(ranks),
      timeout_(timeout_seconds),
      late_(std::move(late)),
      spins_(static_cast<unsigned>(ranks) <= std::thread::hardware_concurrency()),
      marks_(static_cast<std::size_t>(ranks)) {}

Error RankBarrier::error() const {
  std::lock_guard lock(mutex_);
  return error_;
}

void RankBarrier::fail(Error error) noexcept {
  {
    std::lock_guard lock(mutex_);
    if (failed()) return;
    error_ = std::move(error);
    word_.fetch_or(kFailed);
  }
  futex_wake_all(word_);
}

std::vector<int> RankBarrier::missing(std::uint32_t word) const {
  std::vector<int> ranks;
  for (int r = 0; r < ranks_; ++r)
    if (marks_[static_cast<std::size_t>(r)].generation.load() != (word & ~kFailed)) ranks.push_back(r);
  return ranks;
}

std::optional<Error> RankBarrier::late(const std::vector<int>& missing) const {
  if (late_) return late_(missing);
  return Error{ErrorCode::peer_missing,
               fmt::format("rank {} of {} did not come in time", fmt::join(missing, ", "), ranks_),
               "in-process collective",
               fmt::format("waited {:g} s", timeout_),
               "",
               "A slice hangs or died without a word; see the log, or raise cluster.failure_timeout"};
}

void RankBarrier::sleep(std::uint32_t word, std::chrono::nanoseconds limit) noexcept {
  sleepers_.fetch_add(1);  // before the kernel looks at the word: who changes it afterwards sees the sleeper
  futex_wait(word_, word, limit);
  sleepers_.fetch_sub(1);
}

Result<void> RankBarrier::arrive(int rank) {
  const auto word = word_.load(std::memory_order_acquire);
  if (word & kFailed) return troupe::fail(error());
  marks_[static_cast<std::size_t>(rank)].generation.store(word);
  if (arrived_.fetch_add(1) + 1 == ranks_) {
    arrived_.store(0, std::memory_order_relaxed);  // nobody comes again before the word has changed
    word_.fetch_add(kGeneration);
    if (sleepers_.load() > 0) futex_wake_all(word_);
    return {};
  }
  auto start = std::chrono::steady_clock::now();
  const auto settled = [&] { return word_.load(std::memory_order_acquire) != word; };
  if (spins_) spin_until(settled);
  while (!settled()) {
    const std::chrono::duration<double> left =
        std::chrono::duration<double>(timeout_) - (std::chrono::steady_clock::now() - start);
    if (left.count() > 0) {
      sleep(word,
            std::chrono::duration_cast<std::chrono::nanoseconds>(std::min(left, {std::chrono::hours(1)})));
    } else if (const auto who = missing(word); !who.empty()) {
      if (auto error = late(who)) fail(std::move(*error));
      start = std::chrono::steady_clock::now();
    }
  }
  // A step that everybody reached counts, even where a failure came right behind it.
  if (passed(word)) return {};
  return troupe::fail(error());
}

}  // namespace troupe
