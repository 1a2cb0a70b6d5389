#include "transport/plane_core.hpp"

#include <chrono>
#include <cmath>

namespace troupe::plane {
namespace {

Error ended() { return {.code = ErrorCode::interrupted, .what = "the data plane ends"}; }

Error closed(const ChannelEnd& end) {
  return {.code = ErrorCode::interrupted, .what = "the other end was closed", .where = end.where()};
}

/// Waits until `ready`; false after `timeout` seconds.
template <class Ready>
bool wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, double timeout, Ready ready) {
  constexpr double kLongest = 1e8;  // three years: what a time point takes
  if (!(timeout < kLongest)) {
    changed.wait(lock, ready);
    return true;
  }
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                             std::chrono::duration<double>(std::max(0.0, timeout)));
  return changed.wait_until(lock, until, ready);
}

Error unknown_peer(const std::string& name) {
  return {.code = ErrorCode::not_found, .what = "the data plane knows no such peer", .given = name};
}

}  // namespace

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Error peer_missing(const std::string& peer, const std::string& why) {
  return {.code = ErrorCode::peer_missing, .what = "peer " + peer + " is not there: " + why, .where = peer};
}

ChannelEnd::ChannelEnd(std::string peer_name, std::uint32_t channel, Priority its_class, std::uint64_t id,
                       std::uint64_t window_bytes, double time)
    : peer(std::move(peer_name)),
      number(channel),
      priority(its_class),
      opening(id),
      opened_at(time),
      window(window_bytes) {}

std::string ChannelEnd::where() const { return "channel " + std::to_string(number) + " to " + peer; }

void ChannelEnd::fail(const Error& reason, Garbage& garbage) {
  if (error) return;
  error = reason;
  error->where = where();
  garbage.insert(garbage.end(), inbox.begin(), inbox.end());
  inbox.clear();
  if (partial) garbage.push_back(std::move(partial));
  changed.notify_all();
}

Core::Core(const DataPlaneOptions& options, Descriptor wake)
    : name_(options.name),
      window_(static_cast<std::uint64_t>(options.window.count)),
      piece_bytes_(static_cast<std::size_t>(options.piece.count)),
      channels_(static_cast<std::size_t>(options.channels)),
      failure_timeout_(options.failure_timeout),
      wake_(std::move(wake)) {}

Peer* Core::find(const std::string& name) {
  const auto found = peers_.find(name);
  return found == peers_.end() ? nullptr : &found->second;
}

void Core::wake_io() {
  if (std::exchange(awake_, true)) return;
  const std::uint64_t one = 1;
  // an eventfd takes this unless its count is at the end, and then it is awake
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

Result<void> Core::add_peer(const PeerAddress& peer) {
  const std::lock_guard lock(mutex_);
  if (!peers_.try_emplace(peer.name, piece_bytes_).second)
    return fail({.code = ErrorCode::bad_usage,
                 .what = "the data plane knows this peer already",
                 .given = peer.name,
                 .hint = "remove it first"});
  changes_.push_back({peer, PeerChange::What::add});
  wake_io();
  return {};
}

void Core::remove_peer(const std::string& name) {
  Garbage garbage;
  const std::lock_guard lock(mutex_);
  if (!find(name)) return;
  fail_ends(name, "it was removed", false, garbage);
  peers_.erase(name);
  peers_changed_.notify_all();
  changes_.push_back({{name, "", ""}, PeerChange::What::remove});
  wake_io();
}

void Core::retry_now(const std::string& name, const Peer& peer) {
  if (peer.out_up) return;
  changes_.push_back({{name, "", ""}, PeerChange::What::retry});
  wake_io();
}

void Core::retry(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (const auto* peer = find(name)) retry_now(name, *peer);
}

Result<void> Core::wait_for(const std::string& name, double timeout) {
  std::unique_lock lock(mutex_);
  if (auto* wanted = find(name)) {
    ++wanted->waiting;
    retry_now(name, *wanted);
  } else {
    return fail(unknown_peer(name));
  }
  const auto up = [&] {
    const auto* peer = find(name);
    return stopping_ || peer == nullptr || (peer->out_up && peer->in_up);
  };
  const bool in_time = wait(peers_changed_, lock, timeout, up);
  auto* peer = find(name);
  if (peer != nullptr && peer->waiting > 0) --peer->waiting;  // not of one that was added anew meanwhile
  if (stopping_) return fail(ended());
  if (peer == nullptr) return fail(unknown_peer(name));
  if (in_time) return {};
  return fail(peer_missing(name, peer->reason()));
}

Result<std::shared_ptr<ChannelEnd>> Core::open(const std::string& peer_name, std::uint32_t number,
                                               Priority priority) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return fail(ended());
  auto* peer = find(peer_name);
  if (peer == nullptr) return fail(unknown_peer(peer_name));
  const auto found = peer->slots.find(number);
  if (found != peer->slots.end() && found->second.end)
    return fail({.code = ErrorCode::bad_usage,
                 .what = "this channel is open already",
                 .where = found->second.end->where()});
  if (found == peer->slots.end() && peer->slots.size() >= channels_)
    return fail({.code = ErrorCode::no_capacity,
                 .what = "too many channels to " + peer_name,
                 .allowed = "at most " + std::to_string(channels_)});
  auto end = std::make_shared<ChannelEnd>(peer_name, number, priority, ++openings_, window_, now());
  auto& slot = peer->slots[number];
  slot.end = end;
  if (slot.credit) end->pair = slot.credit->opening;
  peer->due.push_back(end);
  wake_io();
  retry_now(peer_name, *peer);
  return end;
}

void Core::close(ChannelEnd& end) {
  Garbage garbage;
  const std::lock_guard lock(mutex_);
  auto* peer = find(end.peer);
  end.fail({.code = ErrorCode::interrupted, .what = "this end was closed"}, garbage);
  if (peer == nullptr) return;
  const auto found = peer->slots.find(end.number);
  if (found == peer->slots.end() || found->second.end.get() != &end) return;
  std::erase_if(peer->due, [&](const auto& due) { return due.get() == &end; });
  auto& slot = found->second;
  garbage.push_back(std::move(slot.end));
  if (peer->out_up && (end.granted || end.pair)) {
    peer->outbox.push(end.priority, wire::Close{end.number, end.pair.value_or(0), end.opening});
    wake_io();
  }
  // credit of another opening waits for our next end
  if (slot.credit && end.pair == slot.credit->opening) slot.credit.reset();
  if (!slot.credit) peer->slots.erase(found);
}

/// True where the wait is over: the credit is spent, or `why` says why it never will be.
bool Core::may_send(Slot& slot, ChannelEnd& end, std::uint64_t waiter, std::uint64_t cost,
                    std::optional<Error>& why) {
  if (end.error || end.other_closed) {
    why = end.error ? *end.error : closed(end);
    return true;
  }
  if (end.pair && (!slot.credit || slot.credit->opening != *end.pair)) {
    why = closed(end);
    return true;
  }
  if (end.line.front() != waiter || !end.pair) return false;
  if (cost > message_limit(slot.credit->window)) {
    why = Error{.code = ErrorCode::bad_usage,
                .what = "a message is larger than the other end's window takes",
                .where = end.where(),
                .given = to_string(Bytes{static_cast<std::int64_t>(cost)}),
                .allowed = "at most " +
                           to_string(Bytes{static_cast<std::int64_t>(message_limit(slot.credit->window))}),
                .hint = "send it in parts, or give the data planes a larger window"};
    return true;
  }
  return slot.credit->spend(cost);
}

Result<bool> Core::send(ChannelEnd& end, std::string_view header, Payload payload, double timeout) {
  if (header.size() > wire::kHeaderLimit)
    return fail({.code = ErrorCode::bad_usage,
                 .what = "a message's header is too long",
                 .where = end.where(),
                 .given = std::to_string(header.size()) + " bytes",
                 .allowed = "at most " + std::to_string(wire::kHeaderLimit)});
  const auto total = payload.size();
  const auto cost = message_cost(header.size(), payload, piece_bytes_);
  std::unique_lock lock(mutex_);
  const auto waiter = end.next_in_line++;
  end.line.push_back(waiter);
  std::optional<Error> why;
  Slot gone;  // in place of the slot of a channel that is closed
  const auto slot = [&]() -> Slot& {
    auto* peer = find(end.peer);
    if (peer == nullptr) return gone;
    const auto found = peer->slots.find(end.number);
    return found == peer->slots.end() || found->second.end.get() != &end ? gone : found->second;
  };
  const bool done =
      wait(end.changed, lock, timeout, [&] { return may_send(slot(), end, waiter, cost, why); });
  std::erase(end.line, waiter);
  if (!end.line.empty()) end.changed.notify_all();
  if (why) return fail(*why);
  if (!done) return false;
  auto& credit = *slot().credit;
  find(end.peer)->outbox.push(wire::Data{end.number, end.priority, credit.opening, credit.next_sequence++,
                                         total, 0, std::string(header)},
                              std::move(payload));
  wake_io();
  return true;
}

Result<std::optional<Message>> Core::receive(ChannelEnd& end, double timeout) {
  std::unique_lock lock(mutex_);
  const bool ready =
      wait(end.changed, lock, timeout, [&] { return end.error || end.other_closed || !end.inbox.empty(); });
  if (end.error) return fail(*end.error);
  if (!end.inbox.empty()) {
    Message message(std::move(end.inbox.front()));
    end.inbox.pop_front();
    return message;
  }
  if (ready) return fail(closed(end));
  return std::nullopt;
}

void Core::cancel(ChannelEnd& end, const Error& reason) {
  Garbage garbage;
  const std::lock_guard lock(mutex_);
  if (end.error) return;
  end.fail(reason, garbage);
  end.cancelled = true;
  auto* peer = find(end.peer);
  if (peer == nullptr) return;
  if (!end.pair) return;
  peer->outbox.drop(end.number, *end.pair, garbage);
  peer->outbox.push(Priority::control, wire::Cancel{end.number, *end.pair, reason.code, reason.what});
  wake_io();
}

void Core::give_back(const std::shared_ptr<ChannelEnd>& end, std::uint64_t cost) {
  const std::lock_guard lock(mutex_);
  const bool was_due = end->window.is_due();
  end->window.give_back(cost);
  if (was_due || !end->window.is_due() || end->error) return;
  auto* peer = find(end->peer);
  if (peer == nullptr) return;
  peer->due.push_back(end);
  wake_io();
}

PlaneStatistics Core::statistics() const {
  const std::lock_guard lock(mutex_);
  PlaneStatistics result;
  result.refused = refused_;
  for (const auto& [name, peer] : peers_) {
    PeerStatistics one{name,
                       peer.out_up && peer.in_up,
                       peer.losses,
                       peer.tries,
                       peer.trouble,
                       peer.classes,
                       peer.outbox.bytes(),
                       0};
    for (const auto& [number, slot] : peer.slots)
      if (slot.end) one.held_bytes += slot.end->window.held();
    result.peers.push_back(std::move(one));
  }
  return result;
}

void Core::stop() {
  Garbage garbage;
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  for (auto& [name, peer] : peers_) {
    for (auto& [number, slot] : peer.slots)
      if (slot.end) slot.end->fail(ended(), garbage);
    peer.outbox.clear(garbage);
  }
  peers_changed_.notify_all();
  wake_io();
}

}  // namespace troupe::plane
