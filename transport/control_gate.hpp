#pragma once
// The cluster's end of the control link.
#include <caf/actor.hpp>
#include <caf/fwd.hpp>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/version.hpp"

namespace troupe {
/// Makes an actor system able to talk to others; before the system is made.
void load_transport(caf::actor_system_config& config);
struct ControlGate {
  int port = -1;    // in force
  caf::actor door;  // what is published; an actor system waits for it at its end, so close the gate first
};
/// Listens on 127.0.0.1:port (0: any free one). `target` answers (verb, JSON text) with JSON text.
/// `version` is what a command is told that asks. Error bad_config where the port can't be had.
Result<ControlGate> open_control_gate(caf::actor_system& system, int port, const caf::actor& target,
                                      std::string version = kVersion);
void close_control_gate(caf::actor_system& system, const ControlGate& gate);
/// {"ok": value} -> value, {"error": …} -> Error.
Result<nlohmann::json> unwrap_reply(const std::string& reply);
}  // namespace troupe
