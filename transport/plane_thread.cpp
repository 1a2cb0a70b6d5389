#include "transport/plane_thread.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace troupe::plane {
namespace {

constexpr int kWrites = 64;         // pieces to one peer, likewise
constexpr int kReads = 256;         // messages of the router before the others have their turn
constexpr double kTicks = 10;       // a failure_timeout
constexpr double kSignsOfLife = 5;  // a failure_timeout
constexpr int kSockets = 65'536;

zmq::context_t make_context() {
  zmq::context_t context;
  context.set(zmq::ctxopt::max_sockets, kSockets);
  return context;
}

}  // namespace

PlaneThread::PlaneThread(const DataPlaneOptions& options, std::uint64_t incarnation,
                         std::shared_ptr<Core> core)
    : options_(options),
      incarnation_(incarnation),
      core_(std::move(core)),
      context_(make_context()),
      doorkeeper_(context_),
      router_(bind_router(context_, options_)),
      router_monitor_(open_monitor(context_, router_, "router",
                                   ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                                       ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                                       ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED)) {}

std::string PlaneThread::endpoint() { return router_.get(zmq::sockopt::last_endpoint); }

void PlaneThread::run() {
  std::vector<PeerChange> changes;
  last_ = now();
  while (true) {
    poll();
    if (core_->take_changes(changes)) return;
    for (const auto& change : changes) apply(change);
    for (int turned_away = doorkeeper_.answer(); turned_away > 0; --turned_away)
      note(Refusal::wrong_key, "somebody", "a key that no peer has");
    read_router();
    read_monitors();
    waiting_.make_room();
    for (auto& link : links_) {
      read_dealer(link);
      watch(link);
    }
    tick();
    for (auto& link : links_) flush(link);
  }
}

void PlaneThread::poll() {
  std::vector<zmq::pollitem_t> items = {{nullptr, core_->wake_descriptor(), ZMQ_POLLIN, 0},
                                        {router_.handle(), 0, ZMQ_POLLIN, 0},
                                        {router_monitor_.handle(), 0, ZMQ_POLLIN, 0},
                                        {doorkeeper_.socket().handle(), 0, ZMQ_POLLIN, 0}};
  for (auto& link : links_) {
    if (link.state == Link::State::idle) continue;
    const auto events =
        static_cast<short>(link.blocked || link.greet ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN);
    items.push_back({link.dealer.handle(), 0, events, 0});
    items.push_back({link.monitor.handle(), 0, ZMQ_POLLIN, 0});
  }
  double wait = std::clamp(options_.failure_timeout / kTicks, 0.01, 0.5);
  for (const auto& link : links_)
    if (link.state == Link::State::idle) wait = std::min(wait, std::max(0.0, link.retry_at - now()));
  // that a signal came is no matter
  zmq_poll(items.data(), static_cast<int>(items.size()), static_cast<long>(std::ceil(wait * 1000)));
}

void PlaneThread::apply(const PeerChange& change) {
  const auto found = std::find_if(links_.begin(), links_.end(),
                                  [&](const Link& link) { return link.peer.name == change.peer.name; });
  if (change.what == PeerChange::What::retry) {
    if (found != links_.end()) retry_now(*found);
    return;
  }
  if (found != links_.end()) {
    doorkeeper_.forbid(found->peer.name);
    lose(*found, "it was removed");
    cut(found->descriptor, found->address);
    links_.erase(found);
  }
  if (change.what == PeerChange::What::remove) return;
  core_->was_lost(change.peer.name, "it was added anew");
  if (!change.peer.public_key.empty()) doorkeeper_.allow(change.peer.public_key, change.peer.name);
  auto& link = links_.emplace_back();
  link.peer = change.peer;
  link.generation = generations_;
}

void PlaneThread::read_router() {
  for (int i = 0; i < kReads; ++i) {
    auto received = take(router_, true);
    if (!received) return;
    hear_router(std::move(*received));
  }
}

/// Every connection that never got through is counted once. Where ZeroMQ tells of a failed handshake, the
/// connection's end is the next that it tells; of some that are no ZeroMQ at all it tells the end alone; and
/// keys that nobody has are counted where they are looked at.
void PlaneThread::read_monitors() {
  constexpr const char* kNever = "a connection that never got through";
  while (const auto event = take_event(router_monitor_)) {
    if (event->number == ZMQ_EVENT_ACCEPTED) {
      waiting_.came(static_cast<int>(event->value));
    } else if (event->number == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
      ++turned_away_;
    } else if (event->number == ZMQ_EVENT_DISCONNECTED) {
      const bool unheard = waiting_.gone(static_cast<int>(event->value));
      if (std::exchange(failed_, false) || !unheard) continue;
      if (turned_away_ > 0)
        --turned_away_;
      else
        note(Refusal::handshake, "somebody", kNever);
    } else {
      failed_ = true;
      note(Refusal::handshake, "somebody", kNever);
    }
  }
}

void PlaneThread::tick() {
  const double time = now();
  // Where this process itself stood still, nobody can have been heard.
  const bool stood_still = time - last_ > options_.failure_timeout / 4;
  last_ = time;
  const bool alive = time - last_alive_ > options_.failure_timeout / kSignsOfLife;
  if (alive) last_alive_ = time;
  for (auto& link : links_) {
    if (stood_still) link.heard = link.since = time;
    if (alive && !link.route.empty()) send(router_, link.route, wire::Alive{});
    check_silence(link, time);
    core_->expire(link.peer.name);
  }
}

void PlaneThread::flush(Link& link) {
  if (!link.route.empty()) {
    for (const auto& credit : core_->take_credits(link.peer.name, link.generation)) {
      if (send(router_, link.route, credit)) continue;
      lose(link, "it does not take what is sent to it");
      return;
    }
  }
  if (link.greet) say_hello(link);
  link.blocked = false;
  if (link.state != Link::State::up) return;
  for (int i = 0; i < kWrites; ++i) {
    if ((link.dealer.get(zmq::sockopt::events) & ZMQ_POLLOUT) == 0) break;
    const auto piece = core_->next_piece(link.peer.name);
    if (!piece) return;
    if (send(link.dealer, *piece)) continue;
    lose(link, "the connection broke");
    return;
  }
  link.blocked = true;  // it goes on when it can
}

}  // namespace troupe::plane
