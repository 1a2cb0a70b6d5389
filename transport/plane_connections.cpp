// The I/O thread's connections to its peers: made, watched, given up.
#include <algorithm>

#include "base/times.hpp"
#include "transport/plane_thread.hpp"
#include "transport/retry.hpp"

namespace troupe::plane {
namespace {

constexpr double kRetryUnknownName = 1;  // seconds at least
constexpr std::size_t kForgotten = 256;

}  // namespace

void PlaneThread::connect(Link& link) {
  link.dealer = make_dealer(context_, options_, link.peer);
  link.monitor = open_monitor(context_, link.dealer, std::to_string(++monitors_), ZMQ_EVENT_ALL);
  link.state = Link::State::connecting;
  link.since = now();
  core_->count_try(link.peer.name);
  try {
    link.dealer.connect(link.peer.endpoint);
  } catch (const zmq::error_t& e) {  // e.g. a name that is not known now
    core_->set_trouble(link.peer.name, link.peer.endpoint + ": " + e.what());
    disconnect(link, kRetryUnknownName);
  }
}

void PlaneThread::disconnect(Link& link, double least) {
  close_watched(link.dealer, link.monitor);
  link.state = Link::State::idle;
  link.greet = link.blocked = false;
  const Retry retry{options_.retry_first, options_.failure_timeout};
  const bool wanted = !link.route.empty() || core_->is_wanted(link.peer.name);  // it is there, or ought to be
  link.retry_wait = retry.wait(link.retry_wait, wanted, least);
  link.retry_at = now() + link.retry_wait;
  core_->set_connected(link.peer.name, false, !link.route.empty());
}

void PlaneThread::retry_now(Link& link) {
  if (link.state != Link::State::idle) return;
  link.retry_wait = 0;
  link.retry_at = now();
}

void PlaneThread::forget_route(Link& link) {
  if (link.route.empty()) return;
  by_route_.erase(link.route);
  forgotten_.push_back(std::exchange(link.route, ""));
  if (forgotten_.size() > kForgotten) forgotten_.pop_front();
}

/// Both directions end: what was under way in either is lost. The peer is told where it can be, and greets
/// again.
void PlaneThread::lose(Link& link, const std::string& why) {
  link.generation = ++generations_;
  if (options_.log) options_.log->warn("data plane: peer {} is given up: {}", link.peer.name, why);
  if (!link.route.empty())
    send(router_, link.route, wire::Reset{{incarnation_, link.generation}, options_.name + ": " + why});
  forget_route(link);
  link.retry_wait = 0;
  disconnect(link, 0);
  core_->lose(link.peer.name, why);
}

void PlaneThread::watch(Link& link) {
  if (link.state == Link::State::idle) return;
  while (const auto event = take_event(link.monitor)) {
    switch (event->number) {
      case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        link.state = Link::State::greeting;
        link.since = link.heard = now();
        link.greet = true;
        break;
      case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        core_->set_trouble(link.peer.name, "it does not know this process's key");
        break;
      case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
      case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        core_->set_trouble(link.peer.name, "the handshake at " + link.peer.endpoint +
                                               " failed: it has another key, or is no data plane");
        break;
      case ZMQ_EVENT_CLOSED:  // nobody listens there
      case ZMQ_EVENT_DISCONNECTED:
        if (link.state == Link::State::up) {
          lose(link, "the connection to it broke");
        } else {
          disconnect(link, 0);
        }
        return;
      default:
        break;
    }
  }
}

void PlaneThread::check_silence(Link& link, double time) {
  const double limit = times_of(options_.failure_timeout).peer;
  if (link.state == Link::State::idle) {
    if (time >= link.retry_at) connect(link);
  } else if (link.state == Link::State::up) {
    if (time - link.heard > limit) lose(link, "it was silent for " + std::to_string(limit) + " s");
  } else if (time - link.since > limit) {
    core_->set_trouble(link.peer.name, link.state == Link::State::connecting
                                           ? "no connection to " + link.peer.endpoint
                                           : "it did not answer a greeting");
    disconnect(link, 0);
  }
}

}  // namespace troupe::plane
