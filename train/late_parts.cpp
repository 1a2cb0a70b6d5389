#include "train/late_parts.hpp"

#include <algorithm>
#include <atomic>
#include <numeric>
#include <utility>

namespace troupe {

LateParts::LateParts(Program& program, int stage, int shard, std::int64_t step, CpuSlice& slice,
                     std::function<double()> now, Made made)
    : program_(program),
      stage_(stage),
      shard_(shard),
      step_(step),
      slice_(slice),
      now_(std::move(now)),
      made_(std::move(made)),
      left_(static_cast<std::size_t>(program.parts(stage))) {
  std::iota(left_.begin(), left_.end(), 0);
  for (const int part : left_) writes_.push_back(program.writes(stage, part));
}

void LateParts::need(std::size_t begin, std::size_t end) {
  rethrow();
  const auto apart = [&](int part) {
    const auto& writes = writes_[static_cast<std::size_t>(part)];
    return !writes.empty() && std::all_of(writes.begin(), writes.end(), [&](const Elements& e) {
      return e.end <= begin || end <= e.begin;
    });
  };
  const auto due = std::stable_partition(left_.begin(), left_.end(), apart);
  const std::vector<int> parts(due, left_.end());
  left_.erase(due, left_.end());
  make(parts);
}

void LateParts::rest() { make(std::exchange(left_, {})); }

void LateParts::attach(std::span<const Reduction> reductions, std::vector<FloatSum>& sums) {
  for (std::size_t i = 0; i < reductions.size(); ++i)
    if (std::binary_search(reductions[i].shards.begin(), reductions[i].shards.end(), shard_))
      sums[i].ready = [this](std::size_t begin, std::size_t end) { need(begin, end); };
}

void LateParts::rethrow() const {
  if (thrown_) std::rethrow_exception(thrown_);
}

void LateParts::make(const std::vector<int>& parts) {
  if (parts.empty()) return;
  std::atomic<std::size_t> next{0};
  try {
    slice_.run([&](int worker) {
      const double began = now_();
      for (std::size_t i = next.fetch_add(1); i < parts.size(); i = next.fetch_add(1))
        program_.finish(stage_, shard_, parts[i], step_);
      made_(worker, now_() - began);
    });
  } catch (...) {
    thrown_ = std::current_exception();
    throw;
  }
}

}  // namespace troupe
