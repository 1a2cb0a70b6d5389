#include "transport/node_group_link.hpp"

#include <utility>

namespace troupe::group {

Link::~Link() {
  close();
  join();
}

void Link::join() {
  if (reader_.joinable()) reader_.join();
  if (sender_.joinable()) sender_.join();
}

void Link::start(Events events) {
  events_ = std::move(events);
  reader_ = std::thread([this] { read(); });
}

void Link::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  channel_.close();
}

bool Link::idle() const {
  const std::lock_guard lock(mutex_);
  return waiting_.empty();
}

void Link::judge(const Error& error) {
  if (error.code == ErrorCode::bad_usage) events_.unsent(error);
}

void Link::post(std::string header, Payload payload) {
  std::unique_lock lock(mutex_);
  if (closed_) return;
  if (waiting_.empty()) {
    const auto sent = channel_.try_send(header, payload);
    if (sent && *sent) return;
    if (!sent) {
      lock.unlock();
      return judge(sent.error());
    }
  }
  waiting_.push_back({std::move(header), std::move(payload)});
  if (!sender_.joinable()) sender_ = std::thread([this] { send_waiting(); });
  changed_.notify_all();
}

void Link::send_waiting() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
    if (closed_) return;
    // It stays in line while it is sent: what is posted meanwhile comes behind it.
    Entry entry = waiting_.front();
    lock.unlock();
    const auto sent = channel_.send(entry.header, std::move(entry.payload));
    if (!sent) judge(sent.error());
    lock.lock();
    if (sent) {
      waiting_.pop_front();
    } else {
      waiting_.clear();
    }
    if (!waiting_.empty()) continue;
    lock.unlock();
    events_.drained();
    lock.lock();
  }
}

void Link::read() {
  while (true) {
    auto received = channel_.receive();
    if (!received) return events_.broke(received.error());
    if (*received) events_.came(std::move(**received));
  }
}

}  // namespace troupe::group
