#include "actors/follower_proxy.hpp"

#include "actors/wire.hpp"
#include "transport/control_gate.hpp"

namespace troupe {
namespace {

using Self = follower_proxy_actor::stateful_pointer<FollowerProxyState>;
using wire::Json;

FollowerOpened failed(const Error& e, FollowerOpened*) { return {-1, -1, {e}, 0, -1, 0, 0}; }
TailRows failed(const Error& e, TailRows*) { return {{}, {e}}; }
ShareTaken failed(const Error& e, ShareTaken*) { return {.outcome = {e}}; }
LeaseEnd failed(const Error& e, LeaseEnd*) { return {-1, -1, e, {}, {}, {}}; }
Outcome failed(const Error& e, Outcome*) { return {e}; }

template <class Reply>
Reply understood(const std::string& text) {
  const auto reply = unwrap_reply(text);
  if (!reply) return failed(reply.error(), static_cast<Reply*>(nullptr));
  try {
    return wire::decode<Reply>(*reply);
  } catch (...) {
    return failed(from_current_exception("a node's answer"), static_cast<Reply*>(nullptr));
  }
}

/// Every question is answered once: by the node, or for it when it is gone.
template <class Reply>
caf::result<Reply> ask(Self self, const std::string& verb, const Json& order) {
  auto& state = self->state;
  auto promise = self->template make_response_promise<Reply>();
  const int number = ++state.asked;
  auto answer = [self, promise, number](Reply reply) mutable {
    if (self->state.waiting.erase(number) > 0) promise.deliver(std::move(reply));
  };
  state.waiting[number] = [promise](const Error& e) mutable {
    promise.deliver(failed(e, static_cast<Reply*>(nullptr)));
  };
  self->request(state.args.agent, caf::infinite, ask_word::value, verb, order.dump())
      .then([answer](const std::string& text) mutable { answer(understood<Reply>(text)); },
            [answer, node = state.args.node](caf::error& e) mutable {
              answer(failed(Error{.code = ErrorCode::peer_missing,
                                  .what = "the node did not answer: " + describe(e),
                                  .where = "node " + node},
                            static_cast<Reply*>(nullptr)));
            });
  return promise;
}

Json order(Self self, const Json& what) { return {{"job", self->state.args.job}, {"order", what}}; }

/// What is said of seconds by another machine's clock is said by this one's.
void steps(Self self, const std::string& text) {
  auto done = wire::decode<StepsDone>(Json::parse(text));
  const double now = self->state.args.clock->now();
  for (auto& step : done.steps) step.began_at = step.first_shard_at = now;
  self->send(self->state.args.report_to, std::move(done));
}

}  // namespace

follower_proxy_actor::behavior_type follower_proxy(Self self, FollowerProxyArgs args) {
  name_exceptions(self);
  self->state.args = std::move(args);
  self->set_exit_handler([self](caf::exit_msg& m) {
    const auto& a = self->state.args;
    const Error gone{.code = ErrorCode::peer_missing, .what = "the node is lost", .where = "node " + a.node};
    for (auto& [number, answer] : std::exchange(self->state.waiting, {})) answer(gone);
    // by the conductor: the job is over, or leaves the node
    if (m.reason == caf::exit_reason::user_shutdown)
      caf::anon_send(a.agent, ask_word::value, std::string("close"), Json{{"job", a.job}}.dump());
    self->quit(m.reason);
  });
  return {
      [self](const OpenFollower& m) { return ask<FollowerOpened>(self, "open", wire::to_json(m)); },
      [self](const FollowLease& m) { return ask<LeaseEnd>(self, "lease", order(self, wire::to_json(m))); },
      [self](const HoldShare& m) { return ask<ShareTaken>(self, "share", order(self, wire::to_json(m))); },
      [self](const AskRows& m) { return ask<TailRows>(self, "rows", order(self, wire::to_json(m))); },
      [self](const StopLease& m) {
        caf::anon_send(self->state.args.agent, ask_word::value, std::string("stop"),
                       order(self, wire::to_json(m)).dump());
      },
      [self](const MoveState& m) { return ask<Outcome>(self, "move", order(self, wire::to_json(m))); },
      [self](tell_word, const std::string& text) { steps(self, text); },
  };
}

}  // namespace troupe
