#pragma once
// The memory wall of a slice: what it may hold, what it holds. Needs no LibTorch; torch_allocator.hpp hooks
// it under LibTorch's CPU allocator.
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/units.hpp"

namespace troupe {

/// Thread-safe and lock-free but for the labels. Held never exceeds budget.
class Account {
 public:
  Account(std::string owner, Bytes budget);
  /// The last of a job's blocks is freed: malloc, which keeps freed blocks in the arena of the thread that
  /// had them, is made to give them back. Else every job that ends leaves its peak behind in a few more
  /// arenas.
  ~Account();
  Account(const Account&) = delete;
  Account& operator=(const Account&) = delete;
  /// False, and nothing charged, where held + n would pass the budget (or n is negative).
  bool charge(std::int64_t n) noexcept;
  void release(std::int64_t n) noexcept;
  /// May be set below `held`: then every further charge fails until enough is released.
  void set_budget(Bytes budget) noexcept;
  void reset_peak() noexcept;  // peak := held
  Bytes held() const noexcept;
  Bytes peak() const noexcept;
  Bytes budget() const noexcept;
  std::int64_t refusals() const noexcept;
  std::string owner() const;
  void set_phase(std::string phase);
  /// The typed error of a refused charge: names owner, phase, asked, held, budget.
  Error refusal(std::int64_t asked) const;

 private:
  void raise_peak(std::int64_t held) noexcept;
  std::atomic<std::int64_t> held_{0}, peak_{0}, budget_, refusals_{0};
  std::atomic<std::int64_t> peak_before_{0};  // of the phases that are over
  mutable std::atomic_flag lock_ = ATOMIC_FLAG_INIT;
  std::string owner_, phase_;
};

/// The account that this thread's allocations are charged to; null: nobody's.
Account* current_account() noexcept;
/// The same with a share of its ownership: who charges something that outlives the scope keeps this.
std::shared_ptr<Account> share_current_account() noexcept;

/// Charges this thread's allocations to `account` (null: nobody's) while it lives. Nests.
class AccountScope {
 public:
  explicit AccountScope(std::shared_ptr<Account> account) noexcept;
  ~AccountScope();
  AccountScope(const AccountScope&) = delete;
  AccountScope& operator=(const AccountScope&) = delete;

 private:
  friend Account* current_account() noexcept;
  friend std::shared_ptr<Account> share_current_account() noexcept;
  std::shared_ptr<Account> mine_;
  AccountScope* before_;
};

}  // namespace troupe
