#include "predict/module/measured.hpp"

#include <utility>

namespace troupe::meta {

std::optional<Call> Measured::find(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(key);
  if (found == known_.end()) return std::nullopt;
  return found->second;
}

void Measured::keep(const std::string& key, Call call) {
  const std::lock_guard lock(mutex_);
  known_.insert_or_assign(key, std::move(call));
}

std::size_t Measured::size() const {
  const std::lock_guard lock(mutex_);
  return known_.size();
}

}  // namespace troupe::meta
