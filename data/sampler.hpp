#pragma once
// Which image comes when: a pure function of (seed, epoch, position), so that no one keeps a shuffled list
// and any node can take over any position.
#include <cstdint>

namespace troupe {
/// A permutation of 0 … n-1 for each epoch, without a table (a cycle-walking Feistel network over Philox-like
/// rounds).
class Sampler {
 public:
  /// Throws ErrorException for n < 1.
  Sampler(std::int64_t seed, std::int64_t n);
  std::int64_t size() const { return n_; }
  /// The image at `position` (0 … n-1, else ErrorException) of `epoch`.
  std::int64_t at(std::int64_t epoch, std::int64_t position) const;
  /// The image at a running position over all epochs (position / n is the epoch).
  std::int64_t running(std::int64_t position) const { return at(position / n_, position % n_); }

 private:
  std::int64_t seed_, n_;
  int bits_;  // of one half of the network
};
}  // namespace troupe
