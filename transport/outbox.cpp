#include "transport/outbox.hpp"

#include <algorithm>

#include "transport/credit.hpp"

namespace troupe::plane {

std::uint64_t message_cost(std::size_t header, const Payload& payload, std::size_t piece_bytes) {
  std::uint64_t pieces = 0;
  for (const auto& part : payload.parts) pieces += (part.size() + piece_bytes - 1) / piece_bytes;
  return header + payload.size() + std::max<std::uint64_t>(1, pieces) * kPieceOverhead;
}

void Outbox::push(wire::Data data, Payload payload) {
  const auto priority = static_cast<std::size_t>(data.priority);
  const auto left = data.total;
  bytes_ += left;
  queues_[priority].push_back({std::move(data), std::move(payload), 0, 0, left});
}

void Outbox::push(Priority priority, wire::Frame frame) {
  queues_[static_cast<std::size_t>(priority)].push_back({std::move(frame), {}, 0, 0, 0});
}

bool Outbox::empty() const {
  return std::all_of(queues_.begin(), queues_.end(), [](const auto& queue) { return queue.empty(); });
}

Piece Outbox::cut(Entry& entry) {
  Piece piece{entry.frame, Priority::control, {}, entry.payload.owner};
  if (entry.left == 0) return piece;
  auto& parts = entry.payload.parts;
  while (entry.in_part == parts[entry.part].size()) {  // empty parts leave no trace
    ++entry.part;
    entry.in_part = 0;
  }
  const auto rest = parts[entry.part].subspan(entry.in_part);
  piece.body = rest.first(std::min(rest.size(), piece_bytes_));
  entry.in_part += piece.body.size();
  entry.left -= piece.body.size();
  bytes_ -= piece.body.size();
  auto& next = std::get<wire::Data>(entry.frame);
  next.offset += piece.body.size();
  next.header.clear();
  return piece;
}

Piece Outbox::take() {
  const auto queue =
      std::find_if(queues_.begin(), queues_.end(), [](const auto& entries) { return !entries.empty(); });
  auto piece = cut(queue->front());
  piece.priority = static_cast<Priority>(queue - queues_.begin());
  if (queue->front().left == 0) queue->pop_front();
  return piece;
}

void Outbox::drop(std::uint32_t channel, std::uint64_t opening, Garbage& garbage) {
  for (auto& queue : queues_)
    std::erase_if(queue, [&](Entry& entry) {
      const auto* data = std::get_if<wire::Data>(&entry.frame);
      if (data == nullptr || data->channel != channel || data->opening != opening) return false;
      bytes_ -= entry.left;
      garbage.push_back(std::move(entry.payload.owner));
      return true;
    });
}

void Outbox::clear(Garbage& garbage) {
  for (auto& queue : queues_) {
    for (auto& entry : queue) garbage.push_back(std::move(entry.payload.owner));
    queue.clear();
  }
  bytes_ = 0;
}

}  // namespace troupe::plane
