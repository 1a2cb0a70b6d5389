#include "train/shard_work.hpp"

#include <algorithm>
#include <utility>

#include "gpu/futex.hpp"

namespace troupe {

ShardWork::ShardWork(Program& program, ShardRun run, int stage, std::int64_t step, int left,
                     std::function<bool()> given_up)
    : program_(program),
      run_(run),
      stage_(stage),
      parts_(program.parts(stage)),
      left_(left),
      holds_(program.holds_parts(stage)),
      step_(step),
      given_up_(std::move(given_up)),
      next_part_(static_cast<std::size_t>(run.count)) {
  for (auto& part : next_part_) part.store(kNotReady, std::memory_order_relaxed);
}

void ShardWork::work(const std::function<double()>& now, double& seconds) {
  try {
    int held = -1;
    for (int i = next_shard_.fetch_add(1); i < run_.count; i = next_shard_.fetch_add(1)) {
      shard(i, now, seconds);
      if (holds_) std::swap(i, held);
      if (i >= 0) drain(i, now, seconds);
    }
    while (parts_ > 0 && !failed_.load()) {
      const std::uint32_t seen = moves_.load();
      for (int i = 0; i < run_.count; ++i) drain(i, now, seconds);
      if (all_taken()) return;
      const auto changed = [&] { return moves_.load(std::memory_order_acquire) != seen; };
      if (!spin_until(changed)) futex_wait(moves_, seen);
    }
  } catch (...) {
    failed_ = true;
    moved();
    throw;
  }
}

void ShardWork::shard(int index, const std::function<double()>& now, double& seconds) {
  if (given_up_()) throw ErrorException({.code = ErrorCode::interrupted, .what = "the step was given up"});
  const double began = now();
  program_.compute(stage_, run_.first + index, step_);
  seconds += now() - began;
  next_part_[static_cast<std::size_t>(index)].store(0, std::memory_order_release);
  if (parts_ > 0) moved();
}

void ShardWork::drain(int index, const std::function<double()>& now, double& seconds) {
  if (index >= run_.count - left_) return;
  auto& next = next_part_[static_cast<std::size_t>(index)];
  if (next.load(std::memory_order_acquire) == kNotReady) return;
  for (int part = next.fetch_add(1); part < parts_; part = next.fetch_add(1)) {
    const double began = now();
    program_.finish(stage_, run_.first + index, part, step_);
    seconds += now() - began;
  }
}

bool ShardWork::all_taken() const {
  return std::all_of(next_part_.begin(), next_part_.end() - left_, [this](const auto& next) {
    const int part = next.load(std::memory_order_acquire);
    return part != kNotReady && part >= parts_;
  });
}

void ShardWork::moved() noexcept {
  moves_.fetch_add(1);
  futex_wake_all(moves_);
}

}  // namespace troupe
