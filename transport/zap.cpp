#include "transport/zap.hpp"

#include <array>
#include <vector>

namespace troupe::plane {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr int kAnswers = 64;  // before others have their turn

std::string key_text(const zmq::message_t& key) {
  std::array<char, 41> text{};
  if (key.size() != kKeyBytes) return {};
  return zmq_z85_encode(text.data(), key.data<std::uint8_t>(), kKeyBytes) == nullptr ? "" : text.data();
}

/// One request's frames; none where there is none.
std::vector<zmq::message_t> take(zmq::socket_t& socket) {
  std::vector<zmq::message_t> frames;
  do {
    zmq::message_t frame;
    if (!socket.recv(frame, zmq::recv_flags::dontwait)) return {};
    frames.push_back(std::move(frame));
  } while (frames.back().more());
  return frames;
}

}  // namespace

Doorkeeper::Doorkeeper(zmq::context_t& context) : socket_(context, zmq::socket_type::rep) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.bind("inproc://zeromq.zap.01");
}

bool Doorkeeper::allow(const std::string& public_key, const std::string& name) {
  return names_.emplace(public_key, name).second;
}

void Doorkeeper::forbid(const std::string& name) {
  std::erase_if(names_, [&](const auto& entry) { return entry.second == name; });
}

int Doorkeeper::answer() {
  // version, request, domain, address, identity, mechanism, credentials
  constexpr std::size_t kRequest = 1;
  constexpr std::size_t kMechanism = 5;
  constexpr std::size_t kCredentials = 6;
  int turned_away = 0;
  for (int answers = 0; answers < kAnswers; ++answers) {
    const auto frames = take(socket_);
    if (frames.empty()) break;
    std::string name;
    if (frames.size() == kCredentials + 1 && frames[kMechanism].to_string_view() == "CURVE") {
      const auto found = names_.find(key_text(frames[kCredentials]));
      if (found != names_.end()) name = found->second;
    }
    if (name.empty()) ++turned_away;
    const auto request = frames.size() > kRequest ? frames[kRequest].to_string() : std::string();
    const std::array<std::string, 6> reply = {
        "1.0", request, name.empty() ? "400" : "200", name.empty() ? "this key is not known" : "OK",
        name,  ""};
    for (std::size_t i = 0; i < reply.size(); ++i)
      socket_.send(zmq::buffer(reply[i]),
                   i + 1 < reply.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }
  return turned_away;
}

}  // namespace troupe::plane
