#pragma once
// The phases of a progressive GAN as a pure function of the step.
#include <vector>

#include "base/config.hpp"
#include "train/program.hpp"

namespace troupe::gan {

class Schedule {
 public:
  explicit Schedule(const GanConfig& config);
  std::int64_t steps() const { return first_.back(); }
  int phases() const { return static_cast<int>(first_.size()) - 1; }
  int images_per_step() const { return images_per_step_; }
  int resolution(int phase) const { return from_ << phase; }
  std::int64_t first_step(int phase) const { return first_[static_cast<std::size_t>(phase)]; }
  /// Images of a phase are rounded up to whole steps. While fading, fade runs 1/(n+1) … n/(n+1) over the n
  /// steps that are the phase's first share `fade`; it is 1 in the first phase, after that share, and at the
  /// end.
  Moment moment(std::int64_t step) const;

 private:
  int images_per_step_, from_;
  double fade_;
  std::vector<std::int64_t> first_;  // of each phase, and the end
};

}  // namespace troupe::gan
