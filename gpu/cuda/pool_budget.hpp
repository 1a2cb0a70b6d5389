#pragma once
// What a slice of a GPU may hold: the exact wall in front of its pool. The driver's own limit of a pool is
// fixed and rounded, and its error names nobody; this one moves, counts to the byte and says who asked for
// what.
#include <memory>
#include <string>

#include "gpu/account.hpp"
#include "gpu/cuda/driver.hpp"

namespace troupe::cuda {

/// Thread-safe. Blocks are charged at their rounded size, since that is what they take from the pool.
class PoolBudget {
 public:
  /// `granule`: what sizes of blocks are rounded up to, at least 1 byte.
  PoolBudget(std::string owner, Bytes budget, Bytes granule);
  /// Behind an account that others look at too; its budget is `budget` from now on.
  PoolBudget(std::shared_ptr<Account> account, Bytes budget, Bytes granule);

  /// The rounded size, now charged; to be released as such. over_budget names owner, phase, asked, held,
  /// budget. bad_config: no bytes or fewer.
  Result<Bytes> charge(Bytes asked);
  void release(Bytes charged) noexcept;
  /// May be below what is held: then nothing is charged until must_free() is freed.
  void set_budget(Bytes budget) noexcept;
  Bytes must_free() const noexcept;
  const std::shared_ptr<Account>& account() const noexcept { return account_; }

  struct Settled {
    Bytes idle;         // reserved from the device, handed out to nobody
    Bytes unknown;      // handed out by the pool, but charged to nobody here (or the reverse, below zero)
    bool trim = false;  // the pool holds more than the budget: trim it to `keep`
    Bytes keep;
  };
  /// The driver's counts against ours, to be asked at a step's edge.
  Settled settle(const PoolCounts& counts) const noexcept;

 private:
  std::shared_ptr<Account> account_;
  std::int64_t granule_;
};

}  // namespace troupe::cuda
