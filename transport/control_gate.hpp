#pragma once
// The cluster's end of the control link.
#include <caf/actor.hpp>
#include <caf/fwd.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/version.hpp"
#include "transport/keys.hpp"
#include "transport/reply.hpp"

namespace troupe {
/// Makes an actor system able to talk to others; before the system is made.
void load_transport(caf::actor_system_config& config);
struct GateOptions {
  int port = 0;                       // 0: any free one
  std::string address = "127.0.0.1";  // other than loopback needs keys
  std::shared_ptr<const Keys> keys;   // with them: TLS, holders of this cluster's keys alone; null: plain
  /// Called on an actor's thread, at most once a second: so many connections were refused for this reason
  /// (a label such as "expired", see TlsRefusal in transport/tls.hpp; or such as
  /// "join_replayed", see join_desk.hpp). Without keys nothing is refused.
  std::function<void(const std::string& reason, std::int64_t count)> refused;
  /// With keys: may a node come in that says this of itself, and has proved that it is `shown`? On an actor's
  /// thread; may read files. None: whoever has a node's key.
  std::function<Result<void>(const std::string& card, const KeyCard& shown)> admit;
  std::string version = kVersion;      // what a command is told that asks
  std::shared_ptr<const Clock> clock;  // how long strangers take; any thread; null: the system's
};

/// An open gate. An actor system waits for its actors at its end, so close it first.
struct ControlGate {
  int port = -1;    // in force
  caf::actor door;  // what is published
  struct Tls;
  std::shared_ptr<Tls> tls;  // with keys
};
/// `target` answers (verb, JSON text) with JSON text. Errors: bad_config where address and port can't be had,
/// or an address other than loopback has no keys.
Result<ControlGate> open_control_gate(caf::actor_system& system, const GateOptions& options,
                                      const caf::actor& target);
void close_control_gate(caf::actor_system& system, ControlGate& gate);
}  // namespace troupe
