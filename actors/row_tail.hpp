#pragma once
// The loss rows of the newest steps that a node's copy of a job took part in: what a head may have died with
// before it wrote them.
#include <deque>
#include <string>
#include <vector>

#include "train/step_loop.hpp"

namespace troupe {

/// Rows of consecutive steps, [from(), to()); the oldest go where there are too many.
class RowTail {
 public:
  /// Far more than a head has in hand: beyond a killed process' last milliseconds, what a machine that lost
  /// its power had not synced since the last checkpoint.
  static constexpr std::size_t kMost = 65536;

  explicit RowTail(std::size_t most = kMost) : most_(most) {}
  /// A step that is there already was done again, and so will be those after it.
  void append(const StepStats& step);
  /// The copy stands at `step` now: rows beyond it are of steps that are undone; where rows before it are
  /// missing, none is kept.
  void stand_at(std::int64_t step);
  /// Rows that need not be kept.
  void drop_before(std::int64_t step);
  std::int64_t from() const { return from_; }
  std::int64_t to() const { return from_ + static_cast<std::int64_t>(rows_.size()); }
  /// Of the steps [from, to) that are there, at most `limit` of them: step and scores alone.
  std::vector<StepStats> rows(std::int64_t from, std::int64_t to, std::size_t limit) const;

 private:
  std::size_t most_;
  std::int64_t from_ = 0;
  std::vector<std::string> names_;  // of the scores, the same in all rows
  std::deque<std::vector<double>> rows_;
};

}  // namespace troupe
