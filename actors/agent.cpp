#include "actors/agent.hpp"

#include <utility>

#include "actors/plane_refusals.hpp"
#include "actors/prober.hpp"
#include "actors/wire.hpp"
#include "base/seconds.hpp"
#include "base/times.hpp"

namespace troupe {
namespace {

using wire::Json;

using look_word = caf::atom_constant<caf::atom("look")>;

}  // namespace

void Agent::start(Self self, AgentArgs args) {
  self_ = self;
  args_ = std::move(args);
  name_exceptions(self);
  self->set_down_handler([this](caf::down_msg& m) {
    if (head_ && m.source == head_.address()) return lose_head("its connection closed");
    follower_down(m);
  });
  self->set_exit_handler([this](caf::exit_msg& m) {
    for (auto& [job, hosted] : jobs_)
      if (hosted.follower) self_->send_exit(hosted.follower, m.reason);
    self_->quit(m.reason);
  });
}

/// An actor that ends answers nobody: it is done for it here.
void Agent::follower_down(const caf::down_msg& m) {
  for (auto& [job, hosted] : jobs_) {
    if (!hosted.follower || hosted.follower.address() != m.source) continue;
    args_.news.say("the copy of job " + job + " ended: " + describe(m.reason));
    hosted.follower = nullptr;
    for (auto& [number, promise] : std::exchange(hosted.asked, {}))
      promise.deliver(wire::bad({.code = ErrorCode::peer_failed,
                                 .what = "the node's copy ended: " + describe(m.reason),
                                 .where = "node " + args_.followers.node + ", job " + job}));
  }
}

void Agent::answer(const std::string& job, int number, std::string text) {
  const auto known = jobs_.find(job);
  if (known == jobs_.end()) return;
  if (auto asked = known->second.asked.extract(number)) asked.mapped().deliver(std::move(text));
}

/// Copies are kept: the head may come back. But no step is begun that it does not know of.
void Agent::lose_head(const std::string& why) {
  if (!head_) return;
  self_->demonitor(head_);
  head_ = nullptr;
  for (auto& [job, hosted] : jobs_) {
    hosted.reporter = nullptr;
    if (hosted.follower) self_->send(hosted.follower, HeadGone{});
  }
  args_.news.say("the head is gone (" + why + "): this node commits nothing until it is back");
  args_.news.head_lost();
}

void Agent::look(int round) {
  if (!head_ || round != round_) return;
  if (args_.followers.clock->now() - heard_at_ > times_of(failure_timeout_).park)
    return lose_head("silent for half of failure_timeout");
  self_->delayed_send(self_, microseconds(times_of(failure_timeout_).ping), look_word::value, round);
}

Agent::Hosted& Agent::hosted(const std::string& job) {
  auto& hosted = jobs_[job];
  if (hosted.follower) return hosted;
  FollowerArgs args = args_.followers;
  const caf::actor me{self_};
  args.tell = [me, job](const StepsDone& m) {
    caf::anon_send(me, tell_word::value, job, wire::to_json(m).dump());
  };
  hosted.follower = self_->spawn<caf::monitored>(follower, std::move(args));
  return hosted;
}

void Agent::drop(const std::string& job) {
  const auto known = jobs_.find(job);
  if (known == jobs_.end()) return;
  if (known->second.follower) self_->send_exit(known->second.follower, caf::exit_reason::user_shutdown);
  for (auto& [number, promise] : known->second.asked)
    promise.deliver(wire::bad({.code = ErrorCode::interrupted, .what = "the job left this node"}));
  jobs_.erase(known);
}

std::string Agent::copies() const {
  Json all = Json::object();
  for (const auto& [job, hosted] : jobs_)
    if (hosted.follower && !hosted.run.empty()) all[job] = hosted.run;
  return all.dump();
}

/// A copy of another run's job of that name is of no use to anybody.
caf::result<std::string> Agent::open(const Json& order) {
  const auto m = wire::decode<OpenFollower>(order);
  if (const auto known = jobs_.find(m.config.name); known != jobs_.end() && known->second.run != m.run)
    drop(m.config.name);
  hosted(m.config.name).run = m.run;
  return pass_on<FollowerOpened>(m.config.name, m);
}

template <class Reply, class Order>
caf::result<std::string> Agent::pass_on(const std::string& job, const Order& order) {
  auto promise = self_->make_response_promise<std::string>();
  Hosted& copy = hosted(job);
  const int number = ++orders_;
  copy.asked[number] = promise;
  self_->request(copy.follower, caf::infinite, order)
      .then([this, job, number](Reply& reply) { answer(job, number, wire::good(wire::to_json(reply))); },
            [this, job, number](caf::error& e) {
              answer(job, number,
                     wire::bad({.code = ErrorCode::peer_failed,
                                .what = "the node's copy did not answer: " + describe(e),
                                .where = "job " + job}));
            });
  return promise;
}

caf::result<std::string> Agent::probe(const ProbeLink& order) {
  auto promise = self_->make_response_promise<std::string>();
  // detached: waits for the network
  self_
      ->request(self_->spawn<caf::detached>(prober, args_.followers.plane, args_.followers.clock),
                caf::infinite, order)
      .then([promise](Probed& probed) mutable { promise.deliver(wire::good(wire::to_json(probed))); },
            [promise](caf::error& e) mutable {
              promise.deliver(wire::bad(
                  {.code = ErrorCode::peer_failed, .what = "the way was not measured: " + describe(e)}));
            });
  return promise;
}

caf::result<std::string> Agent::order(const std::string& verb, const std::string& text) try {
  heard_at_ = args_.followers.clock->now();
  if (verb == "ping") {
    const auto& plane = args_.followers.plane;
    return wire::good(plane ? PlaneRefusals::write(plane->statistics()) : Json::object());
  }
  const Json order = Json::parse(text);
  if (verb == "probe") return probe(wire::decode<ProbeLink>(order));
  const std::string job = order.at("job");
  if (verb == "open") return open(order);
  if (verb == "lease") {
    auto lease = wire::decode<FollowLease>(order.at("order"));
    lease.group.self = args_.followers.node;
    hosted(job).reporter = caf::actor_cast<caf::actor>(self_->current_sender());
    return pass_on<LeaseEnd>(job, lease);
  }
  if (verb == "share") return pass_on<ShareTaken>(job, wire::decode<HoldShare>(order.at("order")));
  if (verb == "move") return pass_on<Outcome>(job, wire::decode<MoveState>(order.at("order")));
  if (verb == "rows") return pass_on<TailRows>(job, wire::decode<AskRows>(order.at("order")));
  if (verb == "stop") {
    if (const auto known = jobs_.find(job); known != jobs_.end() && known->second.follower)
      self_->send(known->second.follower, wire::decode<StopLease>(order.at("order")));
    return wire::good(Json::object());
  }
  if (verb == "close") {
    drop(job);
    return wire::good(Json::object());
  }
  return wire::bad({.code = ErrorCode::bad_usage, .what = "a node knows no such order", .given = verb});
} catch (...) {
  return wire::bad(from_current_exception("order " + verb));
}

caf::behavior Agent::behavior() {
  return {
      [this](ask_word, const std::string& verb, const std::string& text) { return order(verb, text); },
      [this](join_word, const caf::actor& gate, double failure_timeout, const std::string& run) {
        std::vector<std::string> others;
        for (const auto& [job, hosted] : jobs_)
          if (hosted.run != run) others.push_back(job);
        for (const auto& job : others) drop(job);
        head_ = gate;
        failure_timeout_ = failure_timeout;
        heard_at_ = args_.followers.clock->now();
        self_->monitor(gate);
        look(++round_);
      },
      [this](tell_word, const std::string& job, const std::string& steps) {
        const auto known = jobs_.find(job);
        if (known != jobs_.end() && known->second.reporter)
          self_->send(known->second.reporter, tell_word::value, steps);
      },
      [this](look_word, int round) { look(round); },
      [this](copies_word) { return copies(); },
  };
}

caf::behavior agent(caf::stateful_actor<Agent>* self, AgentArgs args) {
  self->state.start(self, std::move(args));
  return self->state.behavior();
}

}  // namespace troupe
