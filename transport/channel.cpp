#include "transport/channel.hpp"

#include <cstring>

#include "transport/plane_core.hpp"

namespace troupe {

Message::Message(std::shared_ptr<plane::Held> held) : held_(std::move(held)) {}
std::string_view Message::header() const { return held_->header; }
std::uint64_t Message::size() const { return held_->size; }
const std::vector<std::span<const std::byte>>& Message::parts() const { return held_->parts; }
std::shared_ptr<const void> Message::owner() const { return held_; }
void Message::return_credit() { held_->return_credit(); }

bool Message::copy_to(std::span<std::byte> out) const {
  if (out.size() != size()) return false;
  auto* to = out.data();
  for (const auto& part : parts()) {
    std::memcpy(to, part.data(), part.size());
    to += part.size();
  }
  return true;
}

Channel::Channel(std::shared_ptr<plane::Core> core, std::shared_ptr<plane::ChannelEnd> end)
    : core_(std::move(core)), end_(std::move(end)) {}

Channel::~Channel() {
  if (end_) core_->close(*end_);
}

Channel& Channel::operator=(Channel&& other) noexcept {
  if (this != &other) {
    if (end_) core_->close(*end_);
    core_ = std::move(other.core_);
    end_ = std::move(other.end_);
  }
  return *this;
}

const std::string& Channel::peer() const { return end_->peer; }
std::uint32_t Channel::number() const { return end_->number; }

Result<void> Channel::send(std::string_view header, Payload payload, double timeout) {
  const auto sent = core_->send(*end_, header, std::move(payload), timeout);
  if (!sent) return fail(sent.error());
  if (*sent) return {};
  return fail({.code = ErrorCode::no_capacity,
               .what = "the other end gave no credit in time",
               .where = end_->where(),
               .given = std::to_string(timeout) + " s",
               .hint = "it is not open, or its messages are not taken"});
}

Result<bool> Channel::try_send(std::string_view header, Payload payload) {
  return core_->send(*end_, header, std::move(payload), 0);
}

Result<std::optional<Message>> Channel::receive(double timeout) { return core_->receive(*end_, timeout); }

void Channel::close() { core_->close(*end_); }

void Channel::cancel(const Error& reason) { core_->cancel(*end_, reason); }

}  // namespace troupe
