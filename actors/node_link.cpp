#include "actors/node_link.hpp"

#include "actors/follower_proxy.hpp"
#include "base/seconds.hpp"
#include "base/times.hpp"
#include "transport/control_gate.hpp"

namespace troupe {
namespace {

using Self = node_link_actor::stateful_pointer<NodeLinkState>;

void lose(Self self, const std::string& why) {
  const auto& a = self->state.args;
  self->send(a.supervisor, NodeDown{a.card.name, a.card.incarnation, why});
  self->quit(caf::exit_reason::remote_link_unreachable);
}

void heard(Self self, double sent, const std::string& reply) {
  auto& state = self->state;
  const auto told = unwrap_reply(reply);
  auto events = state.refused.news(state.args.card.name, told ? PlaneRefusals::read(*told) : std::nullopt);
  if (!events.empty()) self->send(state.args.recorder, Events{std::move(events)});
  state.heard_at = state.args.clock->now();
  if (!state.args.pulse) return;
  ++state.args.pulse->heard;
  state.args.pulse->heard_at = state.heard_at;
  state.args.pulse->round_trip_seconds = state.heard_at - sent;
}

void ping(Self self) {
  auto& state = self->state;
  const auto& a = state.args;
  const double sent = a.clock->now(), silent = sent - state.heard_at;
  if (silent > times_of(a.failure_timeout_seconds).node)
    return lose(self, "it did not answer for failure_timeout");
  self->request(a.agent, caf::infinite, ask_word::value, std::string("ping"), std::string("{}"))
      .then([self, sent](const std::string& reply) { heard(self, sent, reply); },
            [](caf::error&) {});  // the down message or the silence says so
  self->delayed_send(node_link_actor{self}, microseconds(times_of(a.failure_timeout_seconds).ping),
                     PingDue{});
}

caf::result<Probed> probe(Self self, const ProbeLink& m) {
  auto promise = self->make_response_promise<Probed>();
  const auto failed = [](const Error& e) { return Probed{{}, {e}}; };
  self->request(self->state.args.agent, caf::infinite, ask_word::value, std::string("probe"),
                wire::to_json(m).dump())
      .then(
          [promise, failed](const std::string& text) mutable {
            const auto reply = unwrap_reply(text);
            Probed probed;
            const auto bad =
                reply ? outcome_of("a node's answer", [&] { probed = wire::decode<Probed>(*reply); })
                      : Outcome{reply.error()};
            promise.deliver(bad.error ? failed(*bad.error) : probed);
          },
          [promise, failed, node = self->state.args.card.name](caf::error& e) mutable {
            promise.deliver(failed({.code = ErrorCode::peer_missing,
                                    .what = "the node did not answer: " + describe(e),
                                    .where = "node " + node}));
          });
  return promise;
}

}  // namespace

node_link_actor::behavior_type node_link(Self self, NodeLinkArgs args) {
  name_exceptions(self);
  self->state.args = std::move(args);
  self->state.heard_at = self->state.args.clock->now();
  self->monitor(self->state.args.agent);
  self->set_down_handler([self](caf::down_msg&) { lose(self, "its connection closed"); });
  self->set_exit_handler([self](caf::exit_msg& m) {
    if (m.source == self->state.args.supervisor.address()) self->quit(m.reason);
  });
  self->send(node_link_actor{self}, PingDue{});
  return {
      [self](const MakeProxy& m) -> follower_actor {
        return self->spawn<caf::linked>(
            follower_proxy, FollowerProxyArgs{m.job, self->state.args.card.name, self->state.args.agent,
                                              m.report_to, self->state.args.clock});
      },
      [self](const ProbeLink& m) { return probe(self, m); },
      [self](const PingDue&) { ping(self); },
  };
}

}  // namespace troupe
