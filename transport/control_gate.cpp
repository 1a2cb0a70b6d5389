#include "transport/control_gate.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <map>
#include <optional>
#include <utility>

#include "base/config_rule.hpp"
#include "base/port.hpp"
#include "transport/control_link.hpp"
#include "transport/control_words.hpp"
#include "transport/join_desk.hpp"
#include "transport/reply.hpp"
#include "transport/tls_middleman.hpp"

namespace troupe {

struct ControlGate::Tls {
  caf::io::middleman_actor middleman;
};

namespace {

constexpr std::chrono::seconds kTick{1};  // between two looks at strangers who take too long
using tick_word = caf::atom_constant<caf::atom("tick")>;

struct GateState {
  const char* name = "control_gate";
  std::optional<JoinDesk> desk;  // with keys
  std::shared_ptr<const Clock> clock;
  std::map<std::string, std::int64_t> refused;  // joins since the last tick, by reason

  std::string challenge() {
    if (!desk) return wire::good("");
    const auto made = desk->challenge();
    return made ? wire::good(*made) : wire::bad(made.error());
  }
  /// Why this node may not come in; counted.
  std::optional<Error> refuse(const GateOptions& options, const std::string& card, const std::string& proof) {
    if (!desk) return std::nullopt;
    const auto shown = desk->check(card, proof, clock->unix_time());
    if (!shown) {
      ++refused[shown.error().reason];
      return shown.error().error;
    }
    const auto good = options.admit ? options.admit(card, *shown) : Result<void>();
    if (good) return std::nullopt;
    ++refused["join_unlisted"];
    return good.error();
  }
};

// NOLINTBEGIN(performance-unnecessary-value-param): an actor gets what is its own
caf::behavior gate(caf::stateful_actor<GateState>* self, caf::actor target, GateOptions options,
                   std::shared_ptr<TlsGuard> guard) {
  // NOLINTEND(performance-unnecessary-value-param)
  if (guard) self->delayed_send(self, kTick, tick_word::value);
  if (options.keys) self->state.desk.emplace(options.keys);
  self->state.clock = options.clock ? options.clock : std::make_shared<SystemClock>();
  return {
      [version = options.version](hello_word, const std::string&) { return version; },
      [self, target](ask_word, const std::string& verb, const std::string& arguments) {
        return self->delegate(target, verb, arguments);
      },
      [self](prove_word) { return self->state.challenge(); },
      [self, target, options](join_word word, const std::string& card, const std::string& proof,
                              const caf::actor& agent) -> caf::result<std::string> {
        if (const auto why = self->state.refuse(options, card, proof)) return wire::bad(*why);
        self->delegate(target, word, card, agent);
        return caf::delegated<std::string>();
      },
      [self, guard, refused = options.refused](tick_word) {
        if (!guard || self->current_sender() != self->ctrl()) return;  // a peer may send it too
        guard->drop_slow();
        auto counts = std::exchange(self->state.refused, {});
        for (const auto& [why, count] : guard->take_refused()) counts[to_string(why)] += count;
        for (const auto& [why, count] : counts)
          if (refused) refused(why, count);
        self->delayed_send(self, kTick, tick_word::value);
      },
  };
}

Error unprotected(const std::string& address) {
  return {.code = ErrorCode::bad_config,
          .what = "other machines are let in with keys alone",
          .where = "cluster.listen",
          .given = address,
          .allowed = "without keys: 127.0.0.1 or ::1",
          .hint = "Make keys by `troupe keys init DIR`"};
}

/// CAF's own words for publishing, to its middleman or to ours. The last one: a port that connections of an
/// earlier process still linger at is taken; one that somebody listens at is not.
template <class Middleman>
int publish(caf::actor_system& system, const Middleman& middleman, const caf::actor& door,
            const GateOptions& o) {
  caf::scoped_actor self(system, true);
  int port = -1;
  self->request(middleman, caf::infinite, caf::publish_atom::value, static_cast<std::uint16_t>(o.port),
                caf::actor_cast<caf::strong_actor_ptr>(door), std::set<std::string>(), o.address, true)
      .receive([&](std::uint16_t opened) { port = opened; }, [](caf::error&) {});
  return port;
}

}  // namespace

void load_transport(caf::actor_system_config& config) { config.load<caf::io::middleman>(); }

Result<ControlGate> open_control_gate(caf::actor_system& system, const GateOptions& options,
                                      const caf::actor& target) {
  if (!options.keys && !schema::is_loopback(options.address)) return fail(unprotected(options.address));
  std::shared_ptr<TlsGuard> guard;
  ControlGate out;
  if (options.keys) {
    auto context = TlsContext::make(*options.keys);
    if (!context) return fail(context.error());
    guard = std::make_shared<TlsGuard>(options.clock ? options.clock : std::make_shared<SystemClock>());
    out.tls = std::make_shared<ControlGate::Tls>();
    out.tls->middleman = spawn_tls_middleman(system, {*context, guard, nullptr});
  }
  out.door = system.spawn(gate, target, options, guard);
  out.port = out.tls ? publish(system, out.tls->middleman, out.door, options)
                     : publish(system, system.middleman().actor_handle(), out.door, options);
  if (out.port > 0) return out;
  close_control_gate(system, out);
  return fail(cannot_listen(options.port, "cluster.port", "a free port, 0 for any", options.address));
}

void close_control_gate(caf::actor_system& system, ControlGate& gate) {
  if (gate.door && gate.port > 0)
    system.middleman().unpublish(gate.door, static_cast<std::uint16_t>(gate.port));
  if (gate.tls) end_tls_middleman(system, gate.tls->middleman);
  if (gate.door) caf::anon_send_exit(gate.door, caf::exit_reason::user_shutdown);
  gate = {};
}

}  // namespace troupe
