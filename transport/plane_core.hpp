#pragma once
// What the applications' threads and the I/O thread share: peers, channels' ends, credit, queues, under one
// lock. Its callers on one side are Channel, Message and DataPlane, on the other the thread that owns the
// sockets.
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <unordered_map>
#include <zmq.hpp>

#include "base/descriptor.hpp"
#include "transport/credit.hpp"
#include "transport/data_plane.hpp"
#include "transport/outbox.hpp"

namespace troupe::plane {

double now();  // monotonic seconds

/// A message that came, or comes: the frames as ZeroMQ received them.
struct Held {
  std::string header;
  std::vector<zmq::message_t> bodies;
  std::vector<std::span<const std::byte>> parts;
  std::uint64_t sequence = 0, total = 0, size = 0, cost = 0;
  std::weak_ptr<Core> core;
  std::weak_ptr<ChannelEnd> end;
  std::atomic<bool> returned = false;

  Held() = default;
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() { return_credit(); }
  void return_credit();  // takes the core's lock
};

/// One end of a channel. All but the constants is under the core's lock.
struct ChannelEnd {
  ChannelEnd(std::string peer_name, std::uint32_t channel, Priority its_class, std::uint64_t id,
             std::uint64_t window_bytes, double time);
  const std::string peer;
  const std::uint32_t number;
  const Priority priority;
  const std::uint64_t opening;
  const double opened_at;
  std::condition_variable changed;
  std::deque<std::uint64_t> line;  // senders that wait, the first one is served
  std::uint64_t next_in_line = 0;
  ReceiveWindow window;
  bool granted = false;               // the window is on its way to the other end
  std::optional<std::uint64_t> pair;  // the other end's opening, once it is known
  std::uint64_t expected = 0;
  std::shared_ptr<Held> partial;
  std::deque<std::shared_ptr<Held>> inbox;
  bool other_closed = false;
  std::optional<Error> error;
  bool cancelled = false;

  std::string where() const;
  /// For good; the first reason stays.
  void fail(const Error& reason, Garbage& garbage);
};

/// A channel's number: our end, the other's credit, or both.
struct Slot {
  std::shared_ptr<ChannelEnd> end;
  std::optional<SendCredit> credit;
};

struct Peer {
  explicit Peer(std::size_t piece_bytes) : outbox(piece_bytes) {}
  std::unordered_map<std::uint32_t, Slot> slots;
  Outbox outbox;
  std::vector<std::shared_ptr<ChannelEnd>> due;  // have credit to tell of
  bool out_up = false, in_up = false;            // our connection to it, its to us
  std::uint64_t losses = 0, tries = 0;
  int waiting = 0;  // inside wait_for
  std::string trouble;
  std::array<ClassStatistics, kPriorities> classes;
  /// Why it is not there, as far as anybody knows.
  std::string reason() const { return trouble.empty() ? "nothing was heard of it" : trouble; }
};

struct PeerChange {
  enum class What { add, remove, retry };
  PeerAddress peer;
  What what = What::add;
};

class Core : public std::enable_shared_from_this<Core> {
 public:
  Core(const DataPlaneOptions& options, Descriptor wake);

  // -- for applications (plane_core.cpp)
  Result<void> add_peer(const PeerAddress& peer);
  void remove_peer(const std::string& name);
  /// Where there is no connection to it, one is tried at once.
  void retry(const std::string& name);
  Result<void> wait_for(const std::string& name, double timeout);
  Result<std::shared_ptr<ChannelEnd>> open(const std::string& peer, std::uint32_t number, Priority priority);
  void close(ChannelEnd& end);
  /// False where that would take longer than `timeout`; 0: not at all.
  Result<bool> send(ChannelEnd& end, std::string_view header, Payload payload, double timeout);
  Result<std::optional<Message>> receive(ChannelEnd& end, double timeout);
  void cancel(ChannelEnd& end, const Error& reason);
  void give_back(const std::shared_ptr<ChannelEnd>& end, std::uint64_t cost);
  PlaneStatistics statistics() const;
  void stop();

  // -- for the I/O thread (plane_arrivals.cpp)
  int wake_descriptor() const { return wake_.get(); }
  /// True once stop() was called; rearms the wake-up.
  bool take_changes(std::vector<PeerChange>& changes);
  std::optional<Piece> next_piece(const std::string& peer);
  std::vector<wire::Credit> take_credits(const std::string& peer, std::uint64_t generation);
  /// What is wrong with it, where it was not taken.
  std::optional<Refusal> arrive(const std::string& from, wire::Data data, zmq::message_t body);
  std::optional<Refusal> arrive(const std::string& from, const wire::Credit& credit);
  std::optional<Refusal> arrive(const std::string& from, const wire::Cancel& cancel);
  std::optional<Refusal> arrive(const std::string& from, const wire::Close& close);
  void set_connected(const std::string& peer, bool out, bool in);
  void count_try(const std::string& peer);
  /// Whether somebody waits for it, or has a channel to it.
  bool is_wanted(const std::string& peer) const;
  void set_trouble(const std::string& peer, const std::string& why);
  /// The peer was given up: all its channels fail, and what is queued for it is forgotten.
  void lose(const std::string& peer, const std::string& why);
  /// The peer gave us up: as above, but an end that the peer can't have known of stays.
  void was_lost(const std::string& peer, const std::string& why);
  /// Ends that have waited longer than failure_timeout for a peer that isn't there.
  void expire(const std::string& peer);
  std::uint64_t count(Refusal reason);  // how many there were, this one included

 private:
  Peer* find(const std::string& name);
  void retry_now(const std::string& name, const Peer& peer);
  ChannelEnd* live_end(Peer& peer, std::uint32_t channel, std::uint64_t opening);
  void fail_ends(const std::string& name, const std::string& why, bool known_only, Garbage& garbage);
  bool may_send(Slot& slot, ChannelEnd& end, std::uint64_t waiter, std::uint64_t cost,
                std::optional<Error>& why);
  void wake_io();
  std::optional<Refusal> continue_message(ChannelEnd& end, wire::Data& data, zmq::message_t& body);

  const std::string name_;
  const std::uint64_t window_;
  const std::size_t piece_bytes_, channels_;
  const double failure_timeout_;
  const Descriptor wake_;
  mutable std::mutex mutex_;
  std::condition_variable peers_changed_;
  std::map<std::string, Peer> peers_;
  std::vector<PeerChange> changes_;
  std::array<std::uint64_t, kRefusals> refused_{};
  std::uint64_t openings_ = 0;
  bool awake_ = false;  // the wake-up is under way already
  bool stopping_ = false;
};

Error peer_missing(const std::string& peer, const std::string& why);

}  // namespace troupe::plane
