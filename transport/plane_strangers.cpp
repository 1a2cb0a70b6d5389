#include "transport/plane_strangers.hpp"

#include <cstring>

namespace troupe::plane {

bool Strangers::Addresses::read(int socket) {
  socklen_t own_size = sizeof own, peer_size = sizeof peer;
  return ::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &own_size) == 0 &&
         ::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &peer_size) == 0;
}

bool Strangers::Addresses::operator==(const Addresses& other) const {
  return std::memcmp(&own, &other.own, sizeof own) == 0 && std::memcmp(&peer, &other.peer, sizeof peer) == 0;
}

void Strangers::came(int socket) {
  gone(socket);  // a number that is used again
  Stranger stranger{socket, {}};
  stranger.known = stranger.addresses.read(socket);  // not where it has left already: its end is told next
  by_order_.emplace(next_, stranger);
  order_of_.emplace(socket, next_++);
}

void Strangers::heard(int socket) {
  if (const auto found = order_of_.find(socket); found != order_of_.end())
    by_order_.at(found->second).heard = true;
}

bool Strangers::gone(int socket) {
  const auto found = order_of_.find(socket);
  if (found == order_of_.end()) return false;
  const bool unheard = !by_order_.at(found->second).heard;
  by_order_.erase(found->second);
  order_of_.erase(found);
  return unheard;
}

void Strangers::make_room() {
  while (order_of_.size() > most_) {
    const Stranger oldest = by_order_.begin()->second;
    Addresses now;
    if (oldest.known && now.read(oldest.socket) && now == oldest.addresses)
      ::shutdown(oldest.socket, SHUT_RDWR);
    gone(oldest.socket);
  }
}

}  // namespace troupe::plane
