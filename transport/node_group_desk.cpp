#include "transport/node_group_desk.hpp"

#include <fmt/format.h>

#include "base/seconds.hpp"
#include "transport/node_group_wire.hpp"

namespace troupe::group {
namespace {

/// A library leaves a few for each process.
constexpr std::size_t kMostNotes = 65536;

}  // namespace

void Desk::put(const std::string& key, const std::string& value) {
  if (key.size() > kLongestKey || value.size() > kLongestValue) return;  // who waits for it says so
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    notes_[key] = value;
    changed_.notify_all();
  }
  const std::lock_guard sending(send_mutex_);
  if (send_) send_(key, value);
}

void Desk::retire() {
  const std::lock_guard sending(send_mutex_);
  send_ = {};
}

Result<std::string> Desk::get(const std::string& key, double seconds) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, waitable(seconds), [&] { return closed_ || notes_.contains(key); });
  if (closed_) return fail(*closed_);
  if (const auto note = notes_.find(key); note != notes_.end()) return note->second;
  return fail({ErrorCode::peer_missing, "another process did not say where it listens",
               "fast sum over processes", fmt::format("waited {:g} s", seconds), "", "See its log"});
}

bool Desk::came(std::string key, std::string value) {
  const std::lock_guard lock(mutex_);
  if (notes_.size() >= kMostNotes) return false;
  notes_[std::move(key)] = std::move(value);
  changed_.notify_all();
  return true;
}

void Desk::end(std::uint64_t sum, Result<void> result) {
  const std::lock_guard lock(mutex_);
  ended_.emplace(sum, std::move(result));
  changed_.notify_all();
}

Result<std::optional<Result<void>>> Desk::wait(std::uint64_t sum, double seconds) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, waitable(seconds), [&] { return closed_ || ended_.contains(sum); });
  if (closed_) return fail(*closed_);
  const auto ended = ended_.extract(sum);
  return ended ? std::optional(ended.mapped()) : std::nullopt;
}

bool Desk::wait_closed(double seconds) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, waitable(seconds), [&] { return closed_.has_value(); });
}

void Desk::close(const Error& error) {
  const std::lock_guard lock(mutex_);
  if (!closed_) closed_ = error;
  changed_.notify_all();
}

}  // namespace troupe::group
