#pragma once
// The one thread that owns the sockets: a ROUTER that all peers send to, a DEALER to each peer. It decides
// nothing about channels (that is Core) but when a peer is there and when it is gone.
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "transport/plane_core.hpp"
#include "transport/plane_socket.hpp"
#include "transport/plane_strangers.hpp"
#include "transport/zap.hpp"

namespace troupe::plane {

/// What the thread knows of one peer. Two connections: `dealer`, ours to it, and the one from which it
/// greeted us.
struct Link {
  enum class State { idle, connecting, greeting, up };
  PeerAddress peer;
  zmq::socket_t dealer, monitor;
  State state = State::idle;
  bool greet = false;    // a hello is to be sent
  bool blocked = false;  // the dealer takes no more at the moment
  double since = 0;      // of the state
  double heard = 0;      // last sign of life on the dealer
  double retry_at = 0, retry_wait = 0;
  std::uint64_t generation = 0;    // ours towards it
  wire::Session remote;            // its own, as last told
  std::deque<std::uint64_t> past;  // incarnations that it had
  std::string route;               // the connection from it; "" where there is none
  std::string address;
  int descriptor = -1;
  int faults = 0;  // malformed frames since it greeted
};

class PlaneThread {
 public:
  /// Throws zmq::error_t where the address can't be had.
  PlaneThread(const DataPlaneOptions& options, std::uint64_t incarnation, std::shared_ptr<Core> core);
  std::string endpoint();
  /// Until core->stop().
  void run();

 private:
  using Clue = const Received&;

  void poll();
  void apply(const PeerChange& change);
  void read_router();
  void read_monitors();
  void tick();
  void flush(Link& link);

  // connections (plane_connections.cpp)
  void connect(Link& link);
  void disconnect(Link& link, double least);
  void retry_now(Link& link);
  void lose(Link& link, const std::string& why);
  void forget_route(Link& link);
  void watch(Link& link);
  void check_silence(Link& link, double time);

  // what peers say (plane_greetings.cpp)
  void hear_router(Received received);
  void hear_stranger(Clue clue);
  void hear_peer(Link& link, wire::Frame frame, Received received);
  void hear_hello(Clue clue, const wire::Hello& hello);
  bool accept(Clue clue, const wire::Hello& hello, Link& link);
  void refuse(Clue clue, Refusal reason, const std::string& why);
  void fault(Clue clue, Refusal reason, const std::string& why);
  void read_dealer(Link& link);
  bool hear_back(Link& link, const wire::Frame& frame);
  void meet(Link& link, const wire::Session& session, const std::string& why);
  void say_hello(Link& link);
  void note(Refusal reason, const std::string& who, const std::string& why);

  const DataPlaneOptions options_;
  const std::uint64_t incarnation_;
  const std::shared_ptr<Core> core_;
  zmq::context_t context_;
  Doorkeeper doorkeeper_;
  zmq::socket_t router_, router_monitor_;
  std::list<Link> links_;
  std::map<std::string, Link*> by_route_;
  bool failed_ = false;                   // a handshake, of the connection whose end is told next
  int turned_away_ = 0;                   // connections with a key that nobody has, which have not ended
  Strangers waiting_;                     // connections that came and did not greet yet
  std::map<std::string, int> strangers_;  // faults of connections that never greeted
  std::deque<std::string> forgotten_;     // routes of connections that were given up
  std::uint64_t monitors_ = 0;
  std::uint64_t generations_ = 1;  // of all peers together: one that is added anew must not start again
  double last_ = 0, last_alive_ = 0;
};

}  // namespace troupe::plane
