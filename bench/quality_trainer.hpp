#pragma once
// Drives a Program by itself, without actors: one slice, one rank, a loader thread. For benches that need the
// training and not the runtime.
#include <filesystem>
#include <memory>

#include "gpu/collective.hpp"
#include "gpu/cpu_slice.hpp"
#include "train/program.hpp"

namespace troupe::bench {

class Trainer {
 public:
  /// Throws ErrorException where this machine's cores cannot be found.
  Trainer(std::shared_ptr<Program> program, int threads);
  /// Trains from where it stands up to `step`, over phases. Throws ErrorException.
  void until(std::int64_t step);
  /// Grows every network to the phase of `step` and stands there, untrained.
  void jump(std::int64_t step);
  Program& program() { return *program_; }
  std::int64_t at() const { return at_; }
  /// Seconds inside steps so far.
  double seconds() const { return seconds_; }

 private:
  void enter(const Moment& moment);
  void lease(std::int64_t end);

  std::shared_ptr<Program> program_;
  std::unique_ptr<CpuSlice> slice_;
  std::shared_ptr<Collective> collective_;
  std::int64_t at_ = 0;
  int phase_ = -1;
  double seconds_ = 0;
};

/// The first step and the end of each phase.
std::vector<Moment> phase_starts(const Program& program);

}  // namespace troupe::bench
