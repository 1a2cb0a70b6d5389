#pragma once
// The parts that the last shard of a rank left over, made while the sum of the gradients is under way.
#include <cstddef>
#include <exception>
#include <functional>
#include <vector>

#include "gpu/collective.hpp"
#include "gpu/cpu_slice.hpp"
#include "train/program.hpp"

namespace troupe {

/// Used by the slice's own thread, outside of run(). The parts that a call asks for are shared out among the
/// slice's workers; other work of the slice waits for them.
class LateParts {
 public:
  /// `shard` has been computed, and none of its parts finished. `made` is told the seconds that a worker
  /// spent.
  using Made = std::function<void(int worker, double seconds)>;
  LateParts(Program& program, int stage, int shard, std::int64_t step, CpuSlice& slice,
            std::function<double()> now, Made made);

  /// Returns once elements [begin, end) of the shard's buffer are there. Throws what a part throws, then and
  /// whenever it is asked again.
  void need(std::size_t begin, std::size_t end);
  /// Those that no sum asked for.
  void rest();
  /// What the sums of this rank wait for: `need`, where the shard is one of their members.
  void attach(std::span<const Reduction> reductions, std::vector<FloatSum>& sums);
  /// Throws again what a part threw; a collective hears of it in words alone.
  void rethrow() const;

 private:
  void make(const std::vector<int>& parts);

  Program& program_;
  const int stage_, shard_;
  const std::int64_t step_;
  CpuSlice& slice_;
  const std::function<double()> now_;
  const Made made_;
  std::vector<std::vector<Elements>> writes_;  // of each part
  std::vector<int> left_;                      // parts, ascending
  std::exception_ptr thrown_;
};

}  // namespace troupe
