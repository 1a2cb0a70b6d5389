#include "transport/plane_socket.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

#include <array>
#include <cstring>

#include "transport/zap.hpp"

namespace troupe::plane {
namespace {

constexpr int kPiecesAhead = 8;             // in ZeroMQ's hands: what a control message may have to wait for
constexpr int kPiecesUnread = 64;           // of one connection, before ZeroMQ stops reading it
constexpr int kFramesUnreadBack = 100'000;  // credit and signs of life that a peer has not read
constexpr int kBacklog = 1024;

int milliseconds(double seconds) { return std::max(1, static_cast<int>(seconds * 1000)); }

void set_common(zmq::socket_t& socket, const DataPlaneOptions& options) {
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::maxmsgsize, options.piece.count + static_cast<std::int64_t>(wire::kFrameLimit));
  socket.set(zmq::sockopt::handshake_ivl, milliseconds(options.failure_timeout));
  socket.set(zmq::sockopt::ipv6, true);
  if (!options.keys) return;
  socket.set(zmq::sockopt::curve_secretkey, options.keys->secret_key);
  socket.set(zmq::sockopt::curve_publickey, options.keys->public_key);
}

std::string property(const zmq::message_t& message, const char* name) {
  const char* value = zmq_msg_gets(message.handle(), name);
  return value == nullptr ? "" : value;
}

// ZeroMQ is not instrumented: the thread sanitizer is told that what was handed over came before what was let
// go.
#ifdef __SANITIZE_THREAD__
void handed_over(void* owner) { __tsan_release(owner); }
void came_back(void* owner) { __tsan_acquire(owner); }
#else
void handed_over(void*) {}
void came_back(void*) {}
#endif

void drop_owner(void*, void* owner) {
  came_back(owner);
  delete static_cast<std::shared_ptr<const void>*>(owner);
}

}  // namespace

zmq::socket_t bind_router(zmq::context_t& context, const DataPlaneOptions& options) {
  zmq::socket_t router(context, zmq::socket_type::router);
  set_common(router, options);
  router.set(zmq::sockopt::router_mandatory, true);
  // Cuts the connections of peers that are gone. Dealers hear signs of life of ours instead: ZeroMQ's timers
  // would end the connections of a process that was stopped as soon as it goes on, before it reads what has
  // come meanwhile.
  router.set(zmq::sockopt::heartbeat_ivl, milliseconds(options.failure_timeout / 4));
  router.set(zmq::sockopt::heartbeat_timeout, milliseconds(options.failure_timeout / 2));
  router.set(zmq::sockopt::rcvhwm, kPiecesUnread);
  router.set(zmq::sockopt::sndhwm, kFramesUnreadBack);
  router.set(zmq::sockopt::backlog, kBacklog);
  if (options.keys) {
    router.set(zmq::sockopt::curve_server, true);
    router.set(zmq::sockopt::zap_domain, Doorkeeper::kDomain);
  }
  router.bind(options.bind);
  return router;
}

zmq::socket_t make_dealer(zmq::context_t& context, const DataPlaneOptions& options, const PeerAddress& peer) {
  zmq::socket_t dealer(context, zmq::socket_type::dealer);
  set_common(dealer, options);
  dealer.set(zmq::sockopt::immediate, true);
  dealer.set(zmq::sockopt::sndhwm, kPiecesAhead);
  dealer.set(zmq::sockopt::rcvhwm, kFramesUnreadBack);
  dealer.set(zmq::sockopt::reconnect_ivl, -1);  // a connection that broke is a session that ended
  dealer.set(zmq::sockopt::connect_timeout, milliseconds(options.failure_timeout));
  if (options.keys) dealer.set(zmq::sockopt::curve_serverkey, peer.public_key);
  return dealer;
}

zmq::socket_t open_monitor(zmq::context_t& context, zmq::socket_t& watched, const std::string& name,
                           int events) {
  const auto address = "inproc://monitor-" + name;
  if (zmq_socket_monitor(watched.handle(), address.c_str(), events) != 0) throw zmq::error_t();
  zmq::socket_t monitor(context, zmq::socket_type::pair);
  monitor.set(zmq::sockopt::linger, 0);
  monitor.connect(address);
  return monitor;
}

void close_watched(zmq::socket_t& watched, zmq::socket_t& monitor) {
  if (watched) zmq_socket_monitor(watched.handle(), nullptr, 0);
  watched.close();
  monitor.close();
}

std::optional<SocketEvent> take_event(zmq::socket_t& monitor) {
  zmq::message_t event;
  if (!monitor.recv(event, zmq::recv_flags::dontwait)) return std::nullopt;
  SocketEvent what;
  constexpr std::size_t kSize = sizeof what.number + sizeof what.value;  // as libzmq packs it
  if (event.size() == kSize) {
    std::memcpy(&what.number, event.data(), sizeof what.number);
    std::memcpy(&what.value, event.data<char>() + sizeof what.number, sizeof what.value);
  }
  while (event.more())
    if (!monitor.recv(event, zmq::recv_flags::dontwait)) break;
  return what;
}

std::optional<Received> take(zmq::socket_t& socket, bool routed) {
  Received result;
  bool more = true;
  for (std::size_t i = 0; more; ++i) {
    zmq::message_t part;
    if (!socket.recv(part, zmq::recv_flags::dontwait)) return std::nullopt;
    more = part.more();
    if (routed && i == 0) {
      result.route = part.to_string();
      continue;
    }
    ++result.parts;
    if (result.parts == 1) result.frame = std::move(part);
    if (result.parts == 2) result.body = std::move(part);
  }
  if (routed && result.parts > 0) {
    result.user = property(result.frame, "User-Id");
    result.address = property(result.frame, "Peer-Address");
    result.descriptor = zmq_msg_get(result.frame.handle(), ZMQ_SRCFD);
  }
  return result;
}

bool send(zmq::socket_t& dealer, const Piece& piece) {
  const auto frame = wire::encode(piece.frame);
  const bool more = !piece.body.empty();
  const auto flags = more ? zmq::send_flags::dontwait | zmq::send_flags::sndmore : zmq::send_flags::dontwait;
  if (!dealer.send(zmq::buffer(frame), flags)) return false;
  if (!more) return true;
  auto owner = std::make_unique<std::shared_ptr<const void>>(piece.owner);
  handed_over(owner.get());
  // ZeroMQ only reads it
  zmq::message_t body(const_cast<std::byte*>(piece.body.data()), piece.body.size(), drop_owner,
                      owner.release());
  return dealer.send(body, zmq::send_flags::dontwait).has_value();
}

bool send(zmq::socket_t& router, const std::string& route, const wire::Frame& frame) {
  try {
    const auto text = wire::encode(frame);
    return router.send(zmq::buffer(route), zmq::send_flags::dontwait | zmq::send_flags::sndmore) &&
           router.send(zmq::buffer(text), zmq::send_flags::dontwait);
  } catch (const zmq::error_t& e) {
    if (e.num() == EHOSTUNREACH) return false;
    throw;
  }
}

void cut(int descriptor, const std::string& address) {
  if (descriptor < 0 || address.empty()) return;
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &length) != 0) return;
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes = nullptr;
  if (peer.ss_family == AF_INET) bytes = &reinterpret_cast<const sockaddr_in&>(peer).sin_addr;
  if (peer.ss_family == AF_INET6) bytes = &reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr;
  if (bytes == nullptr || inet_ntop(peer.ss_family, bytes, text.data(), text.size()) == nullptr) return;
  if (address == text.data()) shutdown(descriptor, SHUT_RDWR);
}

}  // namespace troupe::plane
