#pragma once
// Connections to a data plane that have not greeted yet: few at a time, whatever stands before the door.
// ZeroMQ itself takes as many as there are descriptors.
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <map>

namespace troupe::plane {

/// One thread. Sockets are ZeroMQ's and may be gone, or another's, by the time that they are looked at: a
/// connection is known by both ends' addresses.
class Strangers {
 public:
  static constexpr std::size_t kMost = 512;  // at a time; about 20 KiB each in ZeroMQ

  explicit Strangers(std::size_t most = kMost) : most_(most) {}

  void came(int socket);
  /// It got through the handshake and said something, if not yet a greeting.
  void heard(int socket);
  /// It has greeted, or has ended. Whether it was one that came and was never heard.
  bool gone(int socket);
  /// Shuts down the oldest of those that are too many: their handshake then fails.
  void make_room();
  std::size_t waiting() const { return order_of_.size(); }

 private:
  struct Addresses {
    sockaddr_storage own{}, peer{};
    bool read(int socket);
    bool operator==(const Addresses& other) const;
  };
  struct Stranger {
    int socket;
    Addresses addresses;
    bool known = false, heard = false;
  };
  std::size_t most_;
  std::uint64_t next_ = 0;
  std::map<std::uint64_t, Stranger> by_order_;  // oldest first
  std::map<int, std::uint64_t> order_of_;       // by socket
};

}  // namespace troupe::plane
