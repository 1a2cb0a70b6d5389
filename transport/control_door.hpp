#pragma once
// A cluster's control port as seen from outside: by commands, and by nodes that join.
#include <caf/actor.hpp>
#include <caf/fwd.hpp>
#include <memory>

#include "transport/control_link.hpp"

namespace troupe {

/// An open connection. An actor system waits for its actors at its end, so close it first.
struct ControlDoor {
  caf::actor gate;  // answers control_words.hpp; monitor it to hear that the cluster is gone
  struct Tls;
  std::shared_ptr<Tls> tls;  // with keys
};
/// Blocking; no actor's thread. Errors: not_connected (nothing listens there, or what listens is no troupe),
/// wrong_version (names both), bad_config (one side does not accept the other's key: says which and why).
Result<ControlDoor> open_control_door(caf::actor_system& system, const ControlAddress& address,
                                      double timeout);
void close_control_door(caf::actor_system& system, ControlDoor& door);

/// Error not_connected, in words.
Error nobody_there(const ControlAddress& address, const std::string& why);

}  // namespace troupe
