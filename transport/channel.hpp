#pragma once
// A typed channel between two processes: messages in order, each a header and a payload, with credit in
// bytes.
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "transport/payload.hpp"
#include "transport/priority.hpp"

namespace troupe {
namespace plane {
class Core;
struct ChannelEnd;
struct Held;
}  // namespace plane

/// A message that came. Copies share it; its credit goes back to the sender when the last of them, and of the
/// owners handed out, is gone.
class Message {
 public:
  explicit Message(std::shared_ptr<plane::Held> held);
  std::string_view header() const;
  std::uint64_t size() const;  // bytes of payload
  /// The payload where it lies, as it was cut on the way: in pieces of any size and alignment.
  const std::vector<std::span<const std::byte>>& parts() const;
  /// The payload as one: exactly size() bytes go to `out`; false where it has another size.
  bool copy_to(std::span<std::byte> out) const;
  /// Keeps parts() alive.
  std::shared_ptr<const void> owner() const;
  /// The credit goes back now; from here on the application accounts for the memory itself.
  void return_credit();

 private:
  std::shared_ptr<plane::Held> held_;
};

/// One end. Any thread may call it; messages of one thread keep their order. Its class holds for what this
/// end sends. Every call fails for good once the channel is cancelled (with that Error), the peer is given up
/// (peer_missing), the other end was closed (interrupted; what came before can still be received) or the data
/// plane ends (interrupted). Then a new end is to be opened, on both sides. An end that was closed before the
/// other one was open is as if it had never been: who opens later waits for the next one.
class Channel {
 public:
  static constexpr double kForEver = std::numeric_limits<double>::infinity();

  Channel(std::shared_ptr<plane::Core> core, std::shared_ptr<plane::ChannelEnd> end);
  /// Closes it: what was sent still goes out, the other end hears of it behind that.
  ~Channel();
  Channel(Channel&&) noexcept = default;
  Channel& operator=(Channel&& other) noexcept;

  const std::string& peer() const;
  std::uint32_t number() const;

  /// Returns when the message is queued. Blocks until the other end is open and has given credit for all of
  /// it; after `timeout` seconds Error no_capacity. A message past max_message() of the other end's window,
  /// or a header past 32 KiB, is refused (bad_usage): it is not sent in parts.
  Result<void> send(std::string_view header, Payload payload = {}, double timeout = kForEver);
  /// Never blocks: false where there is no credit, or others wait for it.
  Result<bool> try_send(std::string_view header, Payload payload = {});
  /// The next message; nothing after `timeout` seconds.
  Result<std::optional<Message>> receive(double timeout = kForEver);
  /// Wakes both ends: their calls fail with `reason`, what is queued on either side is dropped.
  void cancel(const Error& reason);
  /// What the destructor does, while other threads are inside calls of this end: they fail.
  void close();

 private:
  std::shared_ptr<plane::Core> core_;
  std::shared_ptr<plane::ChannelEnd> end_;
};

}  // namespace troupe
