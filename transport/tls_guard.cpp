#include "transport/tls_guard.hpp"

#include <sys/socket.h>

#include <utility>

namespace troupe {

bool TlsGuard::barred(int socket) {
  const auto address = address_of_peer(socket);
  const std::lock_guard lock(mutex_);
  if (!knocks_.barred(address, clock_->now())) return false;
  ++refused_[TlsRefusal::barred];
  return true;
}

std::int64_t TlsGuard::began(int socket) {
  auto address = address_of_peer(socket);
  const std::lock_guard lock(mutex_);
  if (waiting_ >= most_) {
    for (auto& [number, stranger] : strangers_) {
      if (stranger.dropped != TlsRefusal::none) continue;
      drop(stranger, TlsRefusal::too_many);
      break;
    }
  }
  strangers_.emplace(next_, Stranger{socket, clock_->now(), std::move(address)});
  ++waiting_;
  return next_++;
}

void TlsGuard::ended(std::int64_t number, TlsRefusal why) {
  const std::lock_guard lock(mutex_);
  const auto found = strangers_.find(number);
  if (found == strangers_.end()) return;
  if (found->second.dropped != TlsRefusal::none) {
    why = found->second.dropped;
  } else {
    --waiting_;
  }
  if (why == TlsRefusal::none) {
    knocks_.let_in(found->second.address);
  } else {
    ++refused_[why];
    knocks_.refused(found->second.address, clock_->now());
  }
  strangers_.erase(found);
}

void TlsGuard::expelled(TlsRefusal why) {
  const std::lock_guard lock(mutex_);
  ++refused_[why];
}

void TlsGuard::drop_slow() {
  const std::lock_guard lock(mutex_);
  knocks_.forget(clock_->now());
  const double latest = clock_->now() - seconds_;
  for (auto& [number, stranger] : strangers_) {
    if (stranger.since > latest) break;
    if (stranger.dropped == TlsRefusal::none) drop(stranger, TlsRefusal::too_slow);
  }
}

std::map<TlsRefusal, std::int64_t> TlsGuard::take_refused() {
  const std::lock_guard lock(mutex_);
  return std::exchange(refused_, {});
}

void TlsGuard::drop(Stranger& stranger, TlsRefusal why) {
  stranger.dropped = why;
  --waiting_;
  ::shutdown(stranger.socket, SHUT_RDWR);
}

}  // namespace troupe
