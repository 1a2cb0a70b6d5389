// What the I/O thread makes of what is said to it: greetings, and frames that are handed on to Core.
#include <algorithm>
#include <bit>

#include "transport/plane_thread.hpp"

namespace troupe::plane {
namespace {

constexpr int kPatience = 8;              // malformed frames before a connection is given up
constexpr int kReads = 256;               // frames of one peer before the others have their turn
constexpr std::size_t kStrangers = 1024;  // remembered
constexpr std::size_t kPast = 64;         // incarnations of a peer
constexpr double kRetryRefused = 1;       // seconds before asking again where the answer was no

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

std::string taken(const Link& link) {
  return "a newer process has taken the place of this " + link.peer.name;
}

bool has_parts_of(const wire::Frame& frame, std::size_t parts) {
  const auto* data = std::get_if<wire::Data>(&frame);
  return parts == (data != nullptr && data->total > 0 ? 2 : 1);
}

std::span<const std::byte> bytes_of(const zmq::message_t& message) {
  return {static_cast<const std::byte*>(message.data()), message.size()};
}

}  // namespace

/// Counted always; told the first time, the second, the fourth …: a flood of them must not fill a disk.
void PlaneThread::note(Refusal reason, const std::string& who, const std::string& why) {
  const auto times = core_->count(reason);
  if (options_.log && reason != Refusal::late && std::has_single_bit(times))
    options_.log->warn("data plane: refused {} ({}, {} so far): {}", who, to_string(reason), times, why);
}

void PlaneThread::refuse(Clue clue, Refusal reason, const std::string& why) {
  note(reason, clue.user.empty() ? clue.address : clue.user, why);
  send(router_, clue.route, wire::Refused{why});
}

/// A connection may make a few mistakes, whoever it belongs to.
void PlaneThread::fault(Clue clue, Refusal reason, const std::string& why) {
  const auto found = by_route_.find(clue.route);
  note(reason, found != by_route_.end() ? found->second->peer.name : clue.address, why);
  if (found != by_route_.end()) {
    auto& link = *found->second;
    if (++link.faults < kPatience) return;
    cut(link.descriptor, link.address);
    lose(link, "it sent frames that make no sense (" + why + ")");
    return;
  }
  if (strangers_.size() >= kStrangers) strangers_.clear();
  if (++strangers_[clue.route] < kPatience) return;
  strangers_.erase(clue.route);
  cut(clue.descriptor, clue.address);
}

void PlaneThread::hear_router(Received received) {
  if (by_route_.find(received.route) == by_route_.end()) {
    read_monitors();  // that it came was told before it said anything
    waiting_.heard(received.descriptor);
  }
  if (received.body.size() > static_cast<std::size_t>(options_.piece.count)) {
    fault(received, Refusal::oversized, "a piece is too large");
    return;
  }
  auto frame = wire::decode(bytes_of(received.frame));
  if (!frame) {
    fault(received, Refusal::malformed, frame.error());
    return;
  }
  if (!has_parts_of(*frame, received.parts)) {
    fault(received, Refusal::malformed, "a message has the wrong number of parts");
    return;
  }
  if (const auto* hello = std::get_if<wire::Hello>(&*frame)) {
    hear_hello(received, *hello);
    return;
  }
  const auto found = by_route_.find(received.route);
  if (found == by_route_.end()) {
    hear_stranger(received);
  } else {
    hear_peer(*found->second, std::move(*frame), std::move(received));
  }
}

void PlaneThread::hear_stranger(Clue clue) {
  if (std::find(forgotten_.begin(), forgotten_.end(), clue.route) != forgotten_.end()) {
    note(Refusal::late, clue.user, "of a connection that was given up");
    return;
  }
  fault(clue, Refusal::no_hello, "a frame before a hello");
}

void PlaneThread::hear_peer(Link& link, wire::Frame frame, Received received) {
  std::optional<Refusal> refused = Refusal::malformed;
  if (auto* data = std::get_if<wire::Data>(&frame)) {
    refused = core_->arrive(link.peer.name, std::move(*data), std::move(received.body));
  } else if (const auto* cancel = std::get_if<wire::Cancel>(&frame)) {
    refused = core_->arrive(link.peer.name, *cancel);
  } else if (const auto* close = std::get_if<wire::Close>(&frame)) {
    refused = core_->arrive(link.peer.name, *close);
  }
  if (!refused) return;
  if (*refused == Refusal::late) {
    note(*refused, link.peer.name, "for an end that is gone");
  } else if (std::holds_alternative<wire::Data>(frame)) {
    // A message has a hole now: nothing after it can be right.
    note(*refused, link.peer.name, "payload that may not come now");
    cut(link.descriptor, link.address);
    lose(link, std::string("it broke the rules of a channel: ") + to_string(*refused));
  } else {
    fault(received, *refused, "a frame of the other direction");
  }
}

void PlaneThread::hear_hello(Clue clue, const wire::Hello& hello) {
  if (hello.version != wire::kVersion) {
    refuse(clue, Refusal::wrong_version,
           options_.name + " speaks version " + std::to_string(wire::kVersion) + " of the data plane, not " +
               std::to_string(hello.version));
    return;
  }
  if (hello.cluster != options_.cluster) {
    refuse(
        clue, Refusal::wrong_cluster,
        options_.name + " is of the cluster " + quoted(options_.cluster) + ", not " + quoted(hello.cluster));
    return;
  }
  const auto link = std::find_if(links_.begin(), links_.end(),
                                 [&](const Link& one) { return one.peer.name == hello.from; });
  if (link == links_.end() || (options_.keys && clue.user != hello.from)) {
    refuse(clue, Refusal::unknown_peer,
           options_.name + " knows no peer " + quoted(hello.from) + (options_.keys ? " with that key" : ""));
  } else if (hello.to != options_.name) {
    refuse(clue, Refusal::unknown_peer, "this is " + options_.name + ", not " + quoted(hello.to));
  } else if (std::find(link->past.begin(), link->past.end(), hello.session.incarnation) != link->past.end()) {
    refuse(clue, Refusal::old_incarnation, taken(*link));
  } else if (accept(clue, hello, *link)) {
    send(router_, clue.route, wire::Welcome{{incarnation_, link->generation}});
  }
}

bool PlaneThread::accept(Clue clue, const wire::Hello& hello, Link& link) {
  if (link.route == clue.route) {
    fault(clue, Refusal::malformed, "a second greeting");
    return false;
  }
  // What was told on its last connection since that session's greeting may not have come.
  if (!link.route.empty() && link.remote == hello.session) lose(link, "it greeted on another connection");
  if (!link.route.empty() && link.remote.incarnation != hello.session.incarnation)
    send(router_, link.route, wire::Refused{taken(link)});
  meet(link, hello.session, "it has connected anew");
  forget_route(link);
  std::erase(forgotten_, clue.route);
  strangers_.erase(clue.route);
  waiting_.gone(clue.descriptor);
  link.route = clue.route;
  link.address = clue.address;
  link.descriptor = clue.descriptor;
  link.faults = 0;
  by_route_[link.route] = &link;
  core_->set_connected(link.peer.name, link.state == Link::State::up, true);
  retry_now(link);  // it is there
  return true;
}

/// The peer tells its session: where it is not the one that was known, the channels of that one are gone.
void PlaneThread::meet(Link& link, const wire::Session& session, const std::string& why) {
  const auto& past = link.past;
  if (std::find(past.begin(), past.end(), session.incarnation) != past.end()) return;
  if (link.remote.incarnation == session.incarnation && link.remote.generation >= session.generation)
    return;  // told on two connections, of which one is slower
  if (link.remote.incarnation != 0 && link.remote.incarnation != session.incarnation) {
    link.past.push_back(link.remote.incarnation);
    if (link.past.size() > kPast) link.past.pop_front();
  }
  link.remote = session;
  // It has forgotten our greeting and is about to say so, or our connection to it is about to break.
  if (link.state == Link::State::up) link.state = Link::State::greeting;
  link.since = now();
  forget_route(link);  // it has closed that connection
  core_->set_connected(link.peer.name, false, false);
  core_->was_lost(link.peer.name, why);
}

void PlaneThread::say_hello(Link& link) {
  if ((link.dealer.get(zmq::sockopt::events) & ZMQ_POLLOUT) == 0) return;
  const wire::Hello hello{
      wire::kVersion, options_.cluster, options_.name, link.peer.name, {incarnation_, link.generation}};
  link.greet = !send(link.dealer, Piece{hello, Priority::control, {}, {}});
}

void PlaneThread::read_dealer(Link& link) {
  for (int i = 0; i < kReads && link.state != Link::State::idle; ++i) {
    const auto received = take(link.dealer, false);
    if (!received) return;
    link.heard = now();
    const auto frame = wire::decode(bytes_of(received->frame));
    if (frame && received->parts == 1 && hear_back(link, *frame)) continue;
    note(Refusal::malformed, link.peer.name, frame ? "a frame that may not come now" : frame.error());
    if (++link.faults >= kPatience) lose(link, "it answered with frames that make no sense");
  }
}

/// What comes back on our own connection; false where it makes no sense.
bool PlaneThread::hear_back(Link& link, const wire::Frame& frame) {
  if (std::holds_alternative<wire::Alive>(frame)) return true;
  if (const auto* refused = std::get_if<wire::Refused>(&frame)) {
    core_->set_trouble(link.peer.name, refused->why);
    if (link.state == Link::State::up) lose(link, refused->why);
    disconnect(link, kRetryRefused);
    return true;
  }
  if (const auto* reset = std::get_if<wire::Reset>(&frame)) {
    meet(link, reset->session, reset->why);
    core_->set_trouble(link.peer.name, reset->why);
    link.state = Link::State::greeting;
    link.since = now();
    link.greet = true;
    return true;
  }
  if (const auto* welcome = std::get_if<wire::Welcome>(&frame)) {
    if (link.state != Link::State::greeting) return false;
    meet(link, welcome->session, "it has connected anew");
    link.state = Link::State::up;
    link.retry_wait = 0;
    core_->set_connected(link.peer.name, true, !link.route.empty());
    return true;
  }
  const auto* credit = std::get_if<wire::Credit>(&frame);
  if (credit == nullptr) return false;
  if (link.state != Link::State::up || credit->generation != link.remote.generation) {
    note(Refusal::late, link.peer.name, "credit of a session that is over");
    return true;
  }
  const auto refusal = core_->arrive(link.peer.name, *credit);
  if (refusal == Refusal::late) note(*refusal, link.peer.name, "credit for an end that is gone");
  return !refusal || refusal == Refusal::late;
}

}  // namespace troupe::plane
