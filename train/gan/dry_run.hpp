#pragma once
// A step without its arithmetic: the very code of the networks runs, every tensor is allocated and freed as
// it would be, but kernels, products and convolutions only count what they would have done. So a phase's
// bytes are known before it begins, and to the byte, as there is no second description of the step to drift
// from the first.
#include <cstdint>

#include "predict/forecast.hpp"
#include "train/gan/topology.hpp"

namespace troupe::gan {

struct Conv;
class Workspaces;

enum class Pass { forward, backward_data, backward_weight };  // as Work::Pass

/// While it lives, what this thread runs of train/gan is dry. Values are not to be read: they are what the
/// memory held before.
class DryRun {
 public:
  explicit DryRun(Workspaces& workspaces) noexcept;
  ~DryRun();
  DryRun(const DryRun&) = delete;
  DryRun& operator=(const DryRun&) = delete;
  /// This thread's; null where it computes.
  static DryRun* current() noexcept;

  /// What operators would have done.
  const Work& work() const noexcept { return work_; }
  void elementwise(double floats) noexcept;
  void product(double rows, double columns, double inner) noexcept;
  /// Charges the calling thread's account with the backend's workspace for a moment. `size`: of the
  /// convolution's input, the larger side where it goes up or down.
  void convolution(const Conv& conv, Pass pass, std::int64_t images, std::int64_t size);

 private:
  Workspaces& workspaces_;
  DryRun* before_;
  Work work_;
};

/// True where the run is dry: the kernel that reads and writes so many floats is counted and shall return.
bool skipped(std::int64_t floats) noexcept;

}  // namespace troupe::gan
