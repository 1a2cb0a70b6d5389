#include "transport/knocks.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

namespace troupe {

std::string address_of_peer(int socket) {
  constexpr std::size_t kPrefix = 8;       // of IPv6: the network, which is one guest's
  constexpr std::size_t kMappedFrom = 12;  // of an IPv4 address within one of IPv6
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return {};
  if (peer.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(peer).sin_addr;
    return {reinterpret_cast<const char*>(&v4), sizeof v4};
  }
  if (peer.ss_family != AF_INET6) return {};
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr;
  const std::string bytes(reinterpret_cast<const char*>(&v6), sizeof v6);
  return IN6_IS_ADDR_V4MAPPED(&v6) ? bytes.substr(kMappedFrom) : bytes.substr(0, kPrefix);
}

double Knocks::Refused::left(double now) const {
  return std::max(0.0, count - (now - at) * kForgivenPerSecond);
}

void Knocks::refused(const std::string& address, double now) {
  if (address.empty() || trusted_.contains(address)) return;
  const auto found = refused_.find(address);
  if (found == refused_.end() && refused_.size() >= kMost) return;
  auto& known = refused_[address];
  known = {known.left(now) + 1, now};
}

void Knocks::let_in(const std::string& address) {
  if (address.empty() || trusted_.size() >= kMost) return;
  trusted_.insert(address);
  refused_.erase(address);
}

bool Knocks::barred(const std::string& address, double now) const {
  const auto found = refused_.find(address);
  return found != refused_.end() && found->second.left(now) >= kBurst;
}

void Knocks::forget(double now) {
  std::erase_if(refused_, [now](const auto& entry) { return entry.second.left(now) <= 0; });
}

}  // namespace troupe
