#pragma once
// Synchronous collectives among the slices of one job, in the fixed shard tree. One interface; the
// conformance suite (tests/gpu/collective_suite.hpp) runs over every back end.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace troupe {

/// Shards first … first+count-1 of a job, held by one rank. Runs of the ranks are contiguous, in rank order.
struct ShardRun {
  int first = 0, count = 0;
};
/// Runs of `ranks` ranks over `shards` shards in proportion to `weights` (cores); every rank gets at least
/// one where there are enough. Makes max(count / weight), the time of the slowest rank, least. Pure.
std::vector<ShardRun> split_shards(int shards, const std::vector<int>& weights);

/// Splits f over a slice's workers: f(begin, end) on disjoint ranges that cover [0, n).
using ParallelFor =
    std::function<void(std::size_t n, const std::function<void(std::size_t, std::size_t)>& f)>;
/// f over [0, n), on the calling thread where there are no workers; not at all where n is 0.
inline void spread(const ParallelFor& parallel, std::size_t n,
                   const std::function<void(std::size_t, std::size_t)>& f) {
  if (n == 0) return;
  if (parallel)
    parallel(n, f);
  else
    f(0, n);
}

/// What one rank adds to a sum: one buffer of n elements for each of its members.
/// Members are numbered 0 … members-1 over all ranks; the sum is the fixed binary tree over that number:
/// tree(lo, hi) = tree(lo, mid) + tree(mid, hi), mid = lo + (hi - lo + 1) / 2; a leaf is the buffer itself.
template <class T>
struct Contribution {
  int members = 0;                    // over all ranks
  int first = 0;                      // the rank's first member
  std::span<const T* const> buffers;  // the rank's members
};

/// One of several sums that are made together.
struct FloatSum {
  Contribution<float> mine;
  float* out = nullptr;
  std::size_t n = 0;
  float scale = 1;
  /// Returns once the elements [begin, end) of the rank's buffers are there; empty: all are. Called, maybe
  /// more than once for an element, before they are read, on the thread that makes the call. Only for a
  /// collective that sums_as_ready().
  std::function<void(std::size_t begin, std::size_t end)> ready = {};
};

/// One rank's end. Calls are made by the rank's own thread, in the same order on every rank.
/// Errors: peer_failed (a rank called abort; named), peer_missing (a rank did not come in time; named).
/// After an error every further call on any rank fails with it, at once.
class Collective {
 public:
  virtual ~Collective() = default;
  virtual int rank() const noexcept = 0;
  virtual int ranks() const noexcept = 0;
  /// How many of them are in this process, and whether this one is the first of those. Ranks of one process
  /// are neighbours, and share one copy of what is summed into.
  virtual int ranks_here() const noexcept { return ranks(); }
  virtual bool leads() const noexcept { return rank() == 0; }
  /// The elements [first, second) that this rank is promised of a sum of n where `all` is false. The parts of
  /// the ranks of one process make up all n.
  virtual std::pair<std::size_t, std::size_t> part(std::size_t n) const {
    const auto r = static_cast<std::size_t>(rank()), of = static_cast<std::size_t>(ranks());
    return {n * r / of, n * (r + 1) / of};
  }

  /// The sum over all members, times `scale`, into `out` (n elements) of every rank. Ranks of one process may
  /// pass the same `out`. `all` false: the rank is only promised its part(n), and no final barrier is kept:
  /// the half that a sharded update needs. Others in its process may still read this rank's buffers,
  /// and write their parts, until this rank's next call (any, e.g. barrier()) returns: leave both alone until
  /// then. `out` may be one of the rank's own buffers. An empty `parallel` means the calling thread alone.
  virtual Result<void> sum(const Contribution<float>& mine, float* out, std::size_t n, float scale, bool all,
                           const ParallelFor& parallel) = 0;
  virtual Result<void> sum(const Contribution<double>& mine, double* out, std::size_t n, double scale,
                           bool all, const ParallelFor& parallel) = 0;
  virtual Result<void> sum(const Contribution<std::int64_t>& mine, std::int64_t* out, std::size_t n,
                           std::int64_t scale, bool all, const ParallelFor& parallel) = 0;
  /// Each sum as `sum` makes it with `all` false. `then`(i, begin, end) follows when the elements [begin,
  /// end) of sum i stand in its `out`, on the thread that summed them, while they are in its cache; once for
  /// every element in every process. The
  /// default makes one sum after another; a back end may make all of them in one meeting and one call of
  /// `parallel`.
  using Then = std::function<void(std::size_t sum, std::size_t begin, std::size_t end)>;
  virtual Result<void> sum_each(std::span<const FloatSum> sums, const ParallelFor& parallel,
                                const Then& then);
  /// Whether sum_each sends what is there while the rest is being made (FloatSum::ready).
  virtual bool sums_as_ready() const noexcept { return false; }
  virtual Result<void> barrier() = 0;
  /// Among the ranks of this process alone. Also a call like others: every rank of every process makes it.
  virtual Result<void> barrier_here() { return barrier(); }
  /// Rank 0's value on every rank. Doubles as a barrier among the ranks of a process; nobody gets the value
  /// before rank 0 has come, but rank 0's process does not wait for the others.
  virtual Result<std::int64_t> broadcast(std::int64_t value) = 0;
  /// Makes every pending and further call of every rank fail with peer_failed. Any thread, any time.
  virtual void abort(const std::string& reason) noexcept = 0;
  /// What every further call fails with, as soon as it is known here; nothing: no failure is. Does not wait.
  /// Any thread, any time.
  virtual std::optional<Error> failure() const = 0;

  /// Bytes that this rank's sums read and wrote, and seconds inside calls (waiting included).
  virtual std::int64_t bytes() const noexcept = 0;
  /// Of those, what went over the network, headers included.
  virtual std::int64_t sent_bytes() const noexcept { return 0; }
  virtual double seconds() const noexcept = 0;
};

/// The in-process back end: `ranks` ends (at least 1) that share memory. timeout: seconds to wait for a rank
/// that never comes. Destroying an end while others still call is a failure of that rank.
std::vector<std::shared_ptr<Collective>> make_in_process(int ranks, double timeout_seconds);

/// The same tree over buffers in one place, elementwise over [begin, end): the reference and the inner loop.
/// `out` may be one of the members; no member: zeros. Integers wrap.
void tree_sum(std::span<const float* const> members, float* out, std::size_t begin, std::size_t end,
              float scale);
void tree_sum(std::span<const double* const> members, double* out, std::size_t begin, std::size_t end,
              double scale);
void tree_sum(std::span<const std::int64_t* const> members, std::int64_t* out, std::size_t begin,
              std::size_t end, std::int64_t scale);

}  // namespace troupe
