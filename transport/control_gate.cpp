#include "transport/control_gate.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>

#include "base/port.hpp"
#include "transport/control_link.hpp"
#include "transport/control_words.hpp"

namespace troupe {
namespace {

struct GateState {
  caf::actor inner;
  const char* name = "control_gate";
};

caf::behavior gate(caf::stateful_actor<GateState>* self, caf::actor target, std::string version) {
  return {
      [version](hello_word, const std::string&) { return version; },
      [self, target](ask_word, const std::string& verb, const std::string& arguments) {
        return self->delegate(target, verb, arguments);
      },
  };
}

}  // namespace

void load_transport(caf::actor_system_config& config) { config.load<caf::io::middleman>(); }

Result<ControlGate> open_control_gate(caf::actor_system& system, int port, const caf::actor& target,
                                      std::string version) {
  auto door = system.spawn(gate, target, std::move(version));
  auto opened = system.middleman().publish(door, static_cast<std::uint16_t>(port), "127.0.0.1", false);
  if (!opened) {
    caf::anon_send_exit(door, caf::exit_reason::user_shutdown);
    return fail(cannot_listen(port, "cluster.port", "a free port, 0 for any"));
  }
  return ControlGate{static_cast<int>(*opened), door};
}

void close_control_gate(caf::actor_system& system, const ControlGate& gate) {
  if (!gate.door) return;
  system.middleman().unpublish(gate.door, static_cast<std::uint16_t>(gate.port));
  caf::anon_send_exit(gate.door, caf::exit_reason::user_shutdown);
}

Result<nlohmann::json> unwrap_reply(const std::string& reply) {
  const auto json = nlohmann::json::parse(reply, nullptr, false);
  if (json.is_object() && json.contains("ok")) return json["ok"];
  if (json.is_object() && json.contains("error")) return fail(error_from_json(json["error"]));
  return fail({.code = ErrorCode::wrong_version,
               .what = "the cluster's answer is not understood",
               .given = reply.substr(0, 80)});
}

}  // namespace troupe
