#include "gpu/account.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "gpu/heap.hpp"

namespace troupe {
namespace {

/// What is less is not worth the page faults of those who run on.
constexpr std::int64_t kWorthGivingBack = 8 << 20;

thread_local AccountScope* innermost = nullptr;

/// The labels are read by errors and metrics only: a spin lock is never held for longer than a string copy.
class Locked {
 public:
  explicit Locked(std::atomic_flag& flag) : flag_(flag) {
    while (flag_.test_and_set(std::memory_order_acquire)) flag_.wait(true, std::memory_order_relaxed);
  }
  ~Locked() {
    flag_.clear(std::memory_order_release);
    flag_.notify_one();
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  std::atomic_flag& flag_;
};

}  // namespace

Account::Account(std::string owner, Bytes budget) : budget_(budget.count), owner_(std::move(owner)) {}

Account::~Account() {
  if (std::max(peak().count, peak_before_.load()) >= kWorthGivingBack) return_freed_memory();
}

bool Account::charge(std::int64_t n) noexcept {
  auto held = held_.load(std::memory_order_relaxed);
  do {
    // budget - held can't overflow (both are at least 0), held + n can.
    if (n < 0 || n > budget_.load(std::memory_order_relaxed) - held) {
      refusals_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
  } while (!held_.compare_exchange_weak(held, held + n));
  raise_peak(held + n);
  return true;
}

void Account::raise_peak(std::int64_t held) noexcept {
  auto peak = peak_.load();
  while (peak < held && !peak_.compare_exchange_weak(peak, held)) {
  }
}

void Account::release(std::int64_t n) noexcept { held_.fetch_sub(n); }

void Account::set_budget(Bytes budget) noexcept { budget_.store(budget.count); }

void Account::reset_peak() noexcept {
  peak_before_.store(std::max(peak_before_.load(), peak().count));
  peak_.store(held_.load());
  raise_peak(held_.load());  // for a charge that came between the two lines' ends
}

Bytes Account::held() const noexcept { return {held_.load()}; }
// A reset in progress may have stored a peak from before a charge that is held already.
Bytes Account::peak() const noexcept { return {std::max(peak_.load(), held_.load())}; }
Bytes Account::budget() const noexcept { return {budget_.load()}; }
std::int64_t Account::refusals() const noexcept { return refusals_.load(); }

std::string Account::owner() const { return owner_; }

void Account::set_phase(std::string phase) {
  Locked lock(lock_);
  phase_.swap(phase);
}

Error Account::refusal(std::int64_t asked) const {
  std::string phase;
  {
    Locked lock(lock_);
    phase = phase_;
  }
  return {
      ErrorCode::over_budget,
      "memory budget exceeded",
      phase.empty() ? owner_ : fmt::format("{}, phase {}", owner_, phase),
      fmt::format("asked {}", to_string(Bytes{asked})),
      fmt::format("held {} of budget {}", to_string(held()), to_string(budget())),
      "Raise the job's `memory` in its file, or give it more while it runs: troupe resize JOB --memory SIZE"};
}

Account* current_account() noexcept { return innermost ? innermost->mine_.get() : nullptr; }

std::shared_ptr<Account> share_current_account() noexcept { return innermost ? innermost->mine_ : nullptr; }

AccountScope::AccountScope(std::shared_ptr<Account> account) noexcept
    : mine_(std::move(account)), before_(std::exchange(innermost, this)) {}

AccountScope::~AccountScope() { innermost = before_; }

}  // namespace troupe
