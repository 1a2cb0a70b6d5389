#pragma once
// The frames of the data plane (frame.capnp) as plain values, and the codec between the two. What is decoded
// comes from outside: it is copied to aligned storage, and every length in it has a limit.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <variant>

#include "base/error.hpp"
#include "transport/priority.hpp"

namespace troupe::wire {

constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kFrameLimit = std::size_t{64} << 10;   // bytes of one encoded frame, payload apart
constexpr std::size_t kHeaderLimit = std::size_t{32} << 10;  // bytes of the application's header
constexpr std::size_t kNameLimit = 255;                      // a cluster's or a peer's name
constexpr std::size_t kWhyLimit = 2000;                      // a reason in words

struct Session {
  std::uint64_t incarnation = 0, generation = 0;
  friend bool operator==(const Session&, const Session&) = default;
};
struct Hello {
  std::uint32_t version = kVersion;
  std::string cluster, from, to;
  Session session;
  friend bool operator==(const Hello&, const Hello&) = default;
};
struct Welcome {
  Session session;
  friend bool operator==(const Welcome&, const Welcome&) = default;
};
struct Refused {
  std::string why;
  friend bool operator==(const Refused&, const Refused&) = default;
};
struct Alive {
  friend bool operator==(const Alive&, const Alive&) = default;
};
struct Reset {
  Session session;
  std::string why;
  friend bool operator==(const Reset&, const Reset&) = default;
};
struct Data {
  std::uint32_t channel = 0;
  Priority priority = Priority::control;
  std::uint64_t opening = 0, sequence = 0, total = 0, offset = 0;
  std::string header;
  friend bool operator==(const Data&, const Data&) = default;
};
struct Credit {
  std::uint32_t channel = 0;
  std::uint64_t opening = 0, generation = 0;
  bool first = false;
  std::uint64_t bytes = 0;
  friend bool operator==(const Credit&, const Credit&) = default;
};
struct Cancel {
  std::uint32_t channel = 0;
  std::uint64_t opening = 0;
  ErrorCode code = ErrorCode::interrupted;
  std::string why;
  friend bool operator==(const Cancel&, const Cancel&) = default;
};
struct Close {
  std::uint32_t channel = 0;
  std::uint64_t opening = 0, closed = 0;
  friend bool operator==(const Close&, const Close&) = default;
};
using Frame = std::variant<Hello, Welcome, Refused, Alive, Reset, Data, Credit, Cancel, Close>;

/// Names and headers must be within their limits; reasons are cut.
std::string encode(const Frame& frame);
/// What is wrong with it, in words, where the bytes are no frame.
tl::expected<Frame, std::string> decode(std::span<const std::byte> bytes);

}  // namespace troupe::wire
