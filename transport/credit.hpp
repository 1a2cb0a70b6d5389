#pragma once
// Credit in bytes, as plain values. A channel's receiving end opens with a window of it; the sender spends it
// before anything leaves, the receiver gives it back when the application is done with a message. So no more
// than a window is on its way, in queues and in the application's hands together.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace troupe::plane {

/// What holding a piece costs besides its bytes: many small ones would else be free.
constexpr std::uint64_t kPieceOverhead = 128;
/// Credit travels back in lots of this part of the window: one frame for many messages.
constexpr std::uint64_t kLots = 8;

constexpr std::uint64_t piece_cost(std::size_t header, std::size_t body) {
  return std::uint64_t{header} + body + kPieceOverhead;
}

/// The most that one message may cost: what is not yet a lot may be missing for ever.
constexpr std::uint64_t message_limit(std::uint64_t window) { return window - window / kLots; }

/// The sending side: what one opening of the other end allows.
struct SendCredit {
  std::uint64_t opening = 0;
  std::uint64_t window = 0;
  std::uint64_t available = 0;
  std::uint64_t next_sequence = 0;  // of messages to that opening

  bool spend(std::uint64_t cost) {
    if (cost > available) return false;
    available -= cost;
    return true;
  }
  /// False where the receiver gives back more than it was sent.
  bool add(std::uint64_t bytes) {
    if (bytes > window - available) return false;
    available += bytes;
    return true;
  }
};

/// The receiving side.
class ReceiveWindow {
 public:
  explicit ReceiveWindow(std::uint64_t window) : window_(window), allowed_(window) {}

  /// A piece has come; false where the sender had no credit for it.
  bool arrive(std::uint64_t cost) {
    if (cost > allowed_) return false;
    allowed_ -= cost;
    return true;
  }
  void give_back(std::uint64_t cost) { returned_ += cost; }
  bool is_due() const { return returned_ > 0 && returned_ >= window_ / kLots; }
  /// The credit to be sent now; 0 while it is no whole lot.
  std::uint64_t take_due() {
    if (!is_due()) return 0;
    const auto lot = returned_;
    returned_ = 0;
    allowed_ += lot;
    return lot;
  }
  std::uint64_t window() const { return window_; }
  /// Came and was not given back.
  std::uint64_t held() const { return window_ - allowed_ - returned_; }

 private:
  std::uint64_t window_, allowed_, returned_ = 0;
};

}  // namespace troupe::plane
