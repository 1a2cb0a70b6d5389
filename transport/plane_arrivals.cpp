// The core's side towards the I/O thread: what leaves, what arrives, and peers that come and go.
#include "transport/plane_core.hpp"

#include <algorithm>

namespace troupe::plane {
namespace {

/// Nothing went either way between this end and the one whose credit it has.
bool is_untouched(const ChannelEnd& end, const std::optional<SendCredit>& credit) {
  return credit && credit->opening == end.pair && credit->next_sequence == 0 && end.expected == 0 &&
         !end.partial;
}

}  // namespace

bool Core::take_changes(std::vector<PeerChange>& changes) {
  const std::lock_guard lock(mutex_);
  std::uint64_t count = 0;
  [[maybe_unused]] const auto read = ::read(wake_.get(), &count, sizeof count);
  awake_ = false;
  changes = std::exchange(changes_, {});
  return stopping_;
}

std::optional<Piece> Core::next_piece(const std::string& name) {
  const std::lock_guard lock(mutex_);
  auto* peer = find(name);
  if (peer == nullptr || peer->outbox.empty()) return std::nullopt;
  auto piece = peer->outbox.take();
  auto& counts = peer->classes[static_cast<std::size_t>(piece.priority)];
  ++counts.frames_out;
  counts.bytes_out += piece.body.size();
  return piece;
}

std::vector<wire::Credit> Core::take_credits(const std::string& name, std::uint64_t generation) {
  Garbage garbage;
  const std::lock_guard lock(mutex_);
  std::vector<wire::Credit> credits;
  auto* peer = find(name);
  if (peer == nullptr) return credits;
  for (auto& end : peer->due) {
    if (!end->error) {
      const auto bytes = end->granted ? end->window.take_due() : end->window.window();
      if (bytes > 0) credits.push_back({end->number, end->opening, generation, !end->granted, bytes});
      end->granted = true;
    }
    garbage.push_back(std::move(end));
  }
  peer->due.clear();
  return credits;
}

ChannelEnd* Core::live_end(Peer& peer, std::uint32_t channel, std::uint64_t opening) {
  const auto found = peer.slots.find(channel);
  if (found == peer.slots.end() || !found->second.end) return nullptr;
  auto* end = found->second.end.get();
  return end->opening == opening && !end->error ? end : nullptr;
}

std::optional<Refusal> Core::arrive(const std::string& from, wire::Data data, zmq::message_t body) {
  const std::lock_guard lock(mutex_);
  auto* peer = find(from);
  if (peer == nullptr) return Refusal::unknown_peer;
  auto& counts = peer->classes[static_cast<std::size_t>(data.priority)];
  ++counts.frames_in;
  counts.bytes_in += body.size();
  auto* end = live_end(*peer, data.channel, data.opening);
  if (end == nullptr) return Refusal::late;
  if (data.total > end->window.window()) return Refusal::oversized;
  return continue_message(*end, data, body);
}

std::optional<Refusal> Core::continue_message(ChannelEnd& end, wire::Data& data, zmq::message_t& body) {
  if (body.size() > data.total - data.offset || body.empty() != (data.total == 0)) return Refusal::malformed;
  const auto cost = piece_cost(data.header.size(), body.size());
  if (!end.window.arrive(cost)) return Refusal::over_credit;
  if (!end.partial) {
    if (data.offset != 0 || data.sequence != end.expected) return Refusal::out_of_order;
    end.partial = std::make_shared<Held>();
    end.partial->header = std::move(data.header);
    end.partial->sequence = data.sequence;
    end.partial->total = data.total;
    end.partial->core = weak_from_this();
    end.partial->end = find(end.peer)->slots[end.number].end;
  }
  auto& message = *end.partial;
  message.cost += cost;
  if (data.sequence != message.sequence || data.total != message.total || data.offset != message.size)
    return Refusal::out_of_order;
  if (!body.empty()) {
    message.size += body.size();
    message.bodies.push_back(std::move(body));
  }
  if (message.size < message.total) return std::nullopt;
  for (const auto& part : message.bodies)
    message.parts.emplace_back(static_cast<const std::byte*>(part.data()), part.size());
  ++end.expected;
  end.inbox.push_back(std::move(end.partial));
  end.partial = nullptr;
  end.changed.notify_all();
  return std::nullopt;
}

std::optional<Refusal> Core::arrive(const std::string& from, const wire::Credit& credit) {
  Garbage garbage;
  const std::lock_guard lock(mutex_);
  auto* peer = find(from);
  if (peer == nullptr) return Refusal::unknown_peer;
  const auto found = peer->slots.find(credit.channel);
  if (!credit.first) {
    if (found == peer->slots.end() || !found->second.credit ||
        found->second.credit->opening != credit.opening)
      return Refusal::late;
    if (!found->second.credit->add(credit.bytes)) return Refusal::over_credit;
    if (found->second.end) found->second.end->changed.notify_all();
    return std::nullopt;
  }
  if (found == peer->slots.end() && peer->slots.size() >= channels_) return Refusal::too_many;
  auto& [end, known] = peer->slots[credit.channel];
  // Another end may be opened there before we hear that the last one was closed: that is on the other
  // connection.
  const bool met = end && end->pair && !is_untouched(*end, known);
  if (known) peer->outbox.drop(credit.channel, known->opening, garbage);
  known = SendCredit{credit.opening, credit.bytes, credit.bytes, 0};
  if (!end) return std::nullopt;
  if (!met && (!end->error || end->cancelled)) {
    end->pair = credit.opening;
    if (end->cancelled)  // before there was anybody to tell
      peer->outbox.push(Priority::control,
                        wire::Cancel{credit.channel, credit.opening, end->error->code, end->error->what});
  }
  end->changed.notify_all();
  return std::nullopt;
}

std::optional<Refusal> Core::arrive(const std::string& from, const wire::Cancel& cancel) {
  Garbage garbage;
  const std::lock_guard lock(mutex_);
  auto* peer = find(from);
  if (peer == nullptr) return Refusal::unknown_peer;
  ++peer->classes[0].frames_in;
  auto* end = live_end(*peer, cancel.channel, cancel.opening);
  if (end == nullptr) return Refusal::late;
  end->fail({.code = cancel.code, .what = cancel.why}, garbage);
  if (end->pair) peer->outbox.drop(cancel.channel, *end->pair, garbage);
  return std::nullopt;
}

std::optional<Refusal> Core::arrive(const std::string& from, const wire::Close& close) {
  Garbage garbage;
  const std::lock_guard lock(mutex_);
  auto* peer = find(from);
  if (peer == nullptr) return Refusal::unknown_peer;
  const auto found = peer->slots.find(close.channel);
  if (found == peer->slots.end()) return Refusal::late;
  auto& slot = found->second;
  if (slot.end && slot.end->opening == close.opening) {
    slot.end->other_closed = true;
  } else if (slot.end && slot.end->pair == close.closed) {
    // It never knew our end: where ours had nothing to do with it either, it waits for the next one.
    if (is_untouched(*slot.end, slot.credit)) {
      slot.end->pair.reset();
    } else {
      slot.end->other_closed = true;
    }
  }
  if (slot.end) slot.end->changed.notify_all();
  if (slot.credit && slot.credit->opening == close.closed) {
    peer->outbox.drop(close.channel, close.closed, garbage);
    slot.credit.reset();
  }
  if (!slot.end && !slot.credit) peer->slots.erase(found);
  return std::nullopt;
}

void Core::set_connected(const std::string& name, bool out, bool in) {
  const std::lock_guard lock(mutex_);
  auto* peer = find(name);
  if (peer == nullptr) return;
  peer->out_up = out;
  peer->in_up = in;
  if (out && in) peer->trouble.clear();
  peers_changed_.notify_all();
}

void Core::count_try(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (auto* peer = find(name)) ++peer->tries;
}

bool Core::is_wanted(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = peers_.find(name);
  if (found == peers_.end()) return false;
  const auto& peer = found->second;
  return peer.waiting > 0 || std::any_of(peer.slots.begin(), peer.slots.end(), [](const auto& slot) {
           return slot.second.end && !slot.second.end->error;
         });
}

void Core::set_trouble(const std::string& name, const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (auto* peer = find(name)) peer->trouble = why;
}

void Core::fail_ends(const std::string& name, const std::string& why, bool known_only, Garbage& garbage) {
  auto& peer = *find(name);
  const auto error = peer_missing(name, why);
  for (auto slot = peer.slots.begin(); slot != peer.slots.end();) {
    auto& [end, credit] = slot->second;
    if (end && (!known_only || end->granted || end->pair)) {
      end->fail(error, garbage);
      std::erase(peer.due, end);
    }
    credit.reset();
    slot = end ? std::next(slot) : peer.slots.erase(slot);
  }
  peer.outbox.clear(garbage);
}

void Core::lose(const std::string& name, const std::string& why) {
  Garbage garbage;
  const std::lock_guard lock(mutex_);
  auto* peer = find(name);
  if (peer == nullptr) return;
  fail_ends(name, why, false, garbage);
  peer->out_up = peer->in_up = false;
  ++peer->losses;
  peer->trouble = why;
  peers_changed_.notify_all();
}

void Core::was_lost(const std::string& name, const std::string& why) {
  Garbage garbage;
  const std::lock_guard lock(mutex_);
  if (find(name)) fail_ends(name, why, true, garbage);
}

void Core::expire(const std::string& name) {
  Garbage garbage;
  const std::lock_guard lock(mutex_);
  auto* peer = find(name);
  if (peer == nullptr || (peer->out_up && peer->in_up)) return;
  const auto error = peer_missing(name, peer->reason());
  for (auto& [number, slot] : peer->slots)
    if (slot.end && now() - slot.end->opened_at > failure_timeout_) {
      slot.end->fail(error, garbage);
      std::erase(peer->due, slot.end);
    }
}

std::uint64_t Core::count(Refusal reason) {
  const std::lock_guard lock(mutex_);
  return ++refused_[static_cast<std::size_t>(reason)];
}

void Held::return_credit() {
  if (returned.exchange(true)) return;
  const auto its_end = end.lock();
  const auto its_core = core.lock();
  if (its_end && its_core) its_core->give_back(its_end, cost);
}

}  // namespace troupe::plane
