#pragma once
// ZeroMQ's sockets with the data plane's options, and frames over them. Used by the I/O thread alone.
#include <optional>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "transport/data_plane.hpp"
#include "transport/outbox.hpp"

namespace troupe::plane {

/// The bound side. Throws zmq::error_t where the address can't be had.
zmq::socket_t bind_router(zmq::context_t& context, const DataPlaneOptions& options);
/// The connecting side, not yet connected; it will try once.
zmq::socket_t make_dealer(zmq::context_t& context, const DataPlaneOptions& options, const PeerAddress& peer);
/// Tells of `events` (ZMQ_EVENT_…) of `watched` from now on; `name` is this monitor's alone in the context.
zmq::socket_t open_monitor(zmq::context_t& context, zmq::socket_t& watched, const std::string& name,
                           int events);
/// Closes both, open or not. ZeroMQ never frees a socket that is closed while it is watched.
void close_watched(zmq::socket_t& watched, zmq::socket_t& monitor);
struct SocketEvent {
  std::uint16_t number = 0;  // ZMQ_EVENT_…
  std::uint32_t value = 0;   // a descriptor, an error: see zmq_socket_monitor(3)
};
/// A monitor's next event.
std::optional<SocketEvent> take_event(zmq::socket_t& monitor);

/// A message that came, without its routing id.
struct Received {
  std::string route;  // ROUTER only
  zmq::message_t frame, body;
  std::size_t parts = 0;
  std::string user;     // whose key it was, "" where unencrypted
  std::string address;  // the other side's, where it is a network's
  int descriptor = -1;  // of its connection, where known
};
/// Nothing where there is none, or where it had no part but the route.
std::optional<Received> take(zmq::socket_t& socket, bool routed);

/// Hands a piece over without copying its body; false where the socket does not take it.
bool send(zmq::socket_t& dealer, const Piece& piece);
/// False where the peer at `route` is gone or does not read.
bool send(zmq::socket_t& router, const std::string& route, const wire::Frame& frame);

/// Ends a connection that ZeroMQ keeps: only if the descriptor still leads to that address, since its number
/// may have been given to another.
void cut(int descriptor, const std::string& address);

}  // namespace troupe::plane
