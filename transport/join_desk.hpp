#pragma once
// A node's way in where a cluster has keys: TLS says that a connection is somebody's of this cluster; here a
// node proves that it is the one that it says it is. What was recorded of a join is worth nothing afterwards.
#include <cstddef>
#include <deque>
#include <string>

#include "transport/keys.hpp"

namespace troupe {

/// The node's side: shows its certificate and signs what it says of itself (`card`) together with the head's
/// challenge. JSON text.
Result<std::string> prove_join(const Keys& keys, const std::string& challenge, const std::string& card);

/// The head's side. One thread at a time.
class JoinDesk {
 public:
  static constexpr std::size_t kMost = 256;  // challenges that wait for their answer; the oldest makes room

  explicit JoinDesk(std::shared_ptr<const Keys> keys) : keys_(std::move(keys)) {}

  /// A random text, good for one try. Errors: internal, where there are no random numbers.
  Result<std::string> challenge();

  struct Refused {
    const char* reason;  // a metric's label
    Error error;
  };
  /// Whose certificate the proof shows, after all of it was checked against this cluster's authority. A
  /// challenge is spent by this, whatever comes of it.
  tl::expected<KeyCard, Refused> check(const std::string& card, const std::string& proof, double unix_time);

 private:
  std::shared_ptr<const Keys> keys_;
  std::deque<std::string> open_;  // oldest first
};

}  // namespace troupe
