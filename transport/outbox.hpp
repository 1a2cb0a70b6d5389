#pragma once
// What waits to be sent to one peer: four queues, the highest class first, messages cut into pieces so that a
// high one overtakes a low one half-way. Knows no socket and no lock.
#include <array>
#include <deque>
#include <optional>

#include "transport/frame.hpp"
#include "transport/payload.hpp"

namespace troupe::plane {

/// What is to be let go of once no lock is held.
using Garbage = std::vector<std::shared_ptr<const void>>;

/// One ZeroMQ message: a frame and, for data, the bytes that follow it.
struct Piece {
  wire::Frame frame;
  Priority priority = Priority::control;
  std::span<const std::byte> body;
  std::shared_ptr<const void> owner;
};

/// The cost in credit of a message that is cut into pieces of at most `piece_bytes`.
std::uint64_t message_cost(std::size_t header, const Payload& payload, std::size_t piece_bytes);

class Outbox {
 public:
  explicit Outbox(std::size_t piece_bytes) : piece_bytes_(piece_bytes) {}

  /// `data` describes the whole message: its offset is 0, its total the payload's size.
  void push(wire::Data data, Payload payload);
  /// Behind what is queued in that class.
  void push(Priority priority, wire::Frame frame);
  bool empty() const;
  /// The next piece of the oldest message of the highest class; there must be one.
  Piece take();
  /// Forgets the messages of a channel to that opening of its other end, started or not. Their owners go to
  /// `garbage`: what an owner's end does is not for the middle of this.
  void drop(std::uint32_t channel, std::uint64_t opening, Garbage& garbage);
  void clear(Garbage& garbage);
  std::uint64_t bytes() const { return bytes_; }  // of payload that has not left

 private:
  struct Entry {
    wire::Frame frame;  // for data: of the next piece
    Payload payload;
    std::size_t part = 0, in_part = 0;  // the next byte
    std::uint64_t left = 0;
  };
  Piece cut(Entry& entry);

  std::size_t piece_bytes_;
  std::array<std::deque<Entry>, kPriorities> queues_;
  std::uint64_t bytes_ = 0;
};

}  // namespace troupe::plane
