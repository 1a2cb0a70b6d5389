#pragma once
// Who knocks wrongly too often is not listened to: a handshake costs the host more than the guest.
#include <cstddef>
#include <map>
#include <set>
#include <string>

namespace troupe {

/// A host's address as bytes: all four of IPv4 (mapped or not), of IPv6 the first eight, as whoever has one
/// such address has them all. Empty for anything else, and where the socket has no peer.
std::string address_of_peer(int socket);

/// By address. One thread.
class Knocks {
 public:
  static constexpr double kBurst = 20;             // refusals that cost nothing
  static constexpr double kForgivenPerSecond = 2;  // so many a second may go on for ever
  static constexpr std::size_t kMost = 4096;       // addresses; those beyond are not remembered

  void refused(const std::string& address, double now);
  /// Somebody there has shown a key: that address is never barred, whoever else may knock from it.
  void let_in(const std::string& address);
  bool barred(const std::string& address, double now) const;
  /// Lets go of all that is forgiven by now.
  void forget(double now);
  std::size_t remembered() const { return refused_.size(); }

 private:
  struct Refused {
    double count = 0, at = 0;
    double left(double now) const;
  };
  std::map<std::string, Refused> refused_;
  std::set<std::string> trusted_;
};

}  // namespace troupe
