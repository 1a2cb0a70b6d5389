#include "gpu/cuda/pool_budget.hpp"

#include <algorithm>
#include <limits>

namespace troupe::cuda {

PoolBudget::PoolBudget(std::string owner, Bytes budget, Bytes granule)
    : PoolBudget(std::make_shared<Account>(std::move(owner), budget), budget, granule) {}

PoolBudget::PoolBudget(std::shared_ptr<Account> account, Bytes budget, Bytes granule)
    : account_(std::move(account)), granule_(std::max<std::int64_t>(1, granule.count)) {
  account_->set_budget(budget);
}

Result<Bytes> PoolBudget::charge(Bytes asked) {
  if (asked.count < 1)
    return fail(
        {ErrorCode::bad_config, "a block of memory needs bytes", account_->owner(), to_string(asked)});
  if (asked.count > std::numeric_limits<std::int64_t>::max() - granule_)
    return fail(account_->refusal(asked.count));
  const std::int64_t rounded = (asked.count + granule_ - 1) / granule_ * granule_;
  if (!account_->charge(rounded)) return fail(account_->refusal(rounded));
  return Bytes{rounded};
}

void PoolBudget::release(Bytes charged) noexcept { account_->release(charged.count); }
void PoolBudget::set_budget(Bytes budget) noexcept { account_->set_budget(budget); }

Bytes PoolBudget::must_free() const noexcept {
  return std::max(Bytes{}, account_->held() - account_->budget());
}

PoolBudget::Settled PoolBudget::settle(const PoolCounts& counts) const noexcept {
  Settled s;
  s.idle = counts.reserved - counts.used;
  s.unknown = counts.used - account_->held();
  s.keep = std::max(counts.used, account_->budget());
  s.trim = counts.reserved > s.keep;
  return s;
}

}  // namespace troupe::cuda
