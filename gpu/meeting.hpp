#pragma once
// How ranks whose sums go another way agree on each call: over a collective of the same ranks on the host,
// which carries what each means by the call, and the failures of all. Elements go elsewhere.
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "gpu/call_shape.hpp"
#include "gpu/collective.hpp"

namespace troupe {

/// One rank's end. Calls come from the rank's thread, but for failure() and abort().
class Meeting {
 public:
  enum class Call : std::int64_t {
    barrier,
    broadcast,
    sum_float,
    sum_double,
    sum_int64,
    several,  // sums of float
    end,      // of a sum that all are to have
    trouble,  // a sum failed here, and it may have been another rank's fault
  };

  /// `host` is of the same ranks, and nobody else calls it. `timeout_seconds`: how long the word of a rank
  /// that is known to have failed is waited for.
  Meeting(std::shared_ptr<Collective> host, double timeout_seconds);

  int rank() const noexcept { return host_->rank(); }
  int ranks() const noexcept { return host_->ranks(); }
  const std::shared_ptr<Collective>& host() const noexcept { return host_; }

  /// Returns when every rank has come, with calls that fit together. `sums`: this rank's side of each sum of
  /// the call. Errors: the host's; internal: the calls don't fit, in words, on every rank.
  Result<void> come(Call call, std::span<const CallShape> sums = {}, std::int64_t value = 0);
  /// Of the call that was come to last: the members of each rank in sum i, and rank 0's value.
  const std::vector<ShardRun>& runs(std::size_t i) const { return (*runs_)[i]; }
  std::int64_t value() const noexcept { return value_; }

  /// Rank 0's words, on every rank. A call that every rank makes.
  Result<void> share(std::span<std::int64_t> words);

  /// The group's first error, without waiting. Any thread.
  std::optional<Error> failure() const;
  /// Whether an error may be another rank's fault: then the other ranks are heard before this one is blamed.
  static bool blames(const Error& error) noexcept {
    return error.code == ErrorCode::peer_failed || error.code == ErrorCode::peer_missing;
  }
  /// Every rank's calls fail from here on; returns with what: the group's first error. Where `mine` blames
  /// others, that is the one that the host misses, if it misses one (at most its timeout).
  Error fail(const Error& mine) noexcept;
  void abort(const std::string& reason) noexcept { host_->abort(reason); }

 private:
  using Runs = std::vector<std::vector<ShardRun>>;  // by sum and rank
  /// Every rank's row of `width` words, in the order of the ranks.
  Result<std::vector<std::int64_t>> table(std::span<const std::int64_t> row);
  Result<void> agree(Call call, std::span<const CallShape> sums, const std::vector<std::int64_t>& table);
  Result<Runs> exchange_shapes(Call call, std::span<const CallShape> sums);
  Error troubled(int rank);
  Result<void> remembered(Error error);

  const std::shared_ptr<Collective> host_;
  const double timeout_;
  std::map<std::vector<std::int64_t>, Runs> known_;  // by the call and every rank's digest of its shapes
  const Runs* runs_ = nullptr;                       // of the last call
  std::int64_t value_ = 0;
  mutable std::mutex mutex_;
  std::optional<Error> own_;  // that the host does not know of: all ranks came to it by themselves
};

}  // namespace troupe
