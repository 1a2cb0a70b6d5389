#pragma once
// A data plane under siege: two processes at work, and those that mean harm.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <filesystem>
#include <zmq.hpp>

#include "base/descriptor.hpp"
#include "tests/transport/plane_fixture.hpp"
#include "transport/frame.hpp"

namespace troupe::test {

/// A bare DEALER that may have any key, or none.
class Stranger {
 public:
  Stranger(const Process& victim, const CurveKeys* keys, const std::string& server_key)
      : Stranger(victim.plane->endpoint(), keys, server_key) {}
  Stranger(const std::string& endpoint, const CurveKeys* keys, const std::string& server_key)
      : socket_(context_, zmq::socket_type::dealer) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::rcvtimeo, static_cast<int>(kGenerous * 1000));
    if (keys != nullptr) {
      socket_.set(zmq::sockopt::curve_secretkey, keys->secret_key);
      socket_.set(zmq::sockopt::curve_publickey, keys->public_key);
      socket_.set(zmq::sockopt::curve_serverkey, server_key);
    }
    socket_.connect(endpoint);
  }
  void send(const std::vector<std::string>& parts) {
    for (std::size_t i = 0; i < parts.size(); ++i)
      socket_.send(zmq::buffer(parts[i]),
                   i + 1 < parts.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }
  void send(const wire::Frame& frame, const std::vector<std::string>& more = {}) {
    std::vector<std::string> parts = {wire::encode(frame)};
    parts.insert(parts.end(), more.begin(), more.end());
    send(parts);
  }
  /// The next frame of that kind.
  template <class Kind>
  std::optional<Kind> hear() {
    zmq::message_t part;
    while (socket_.recv(part)) {
      const auto frame = wire::decode({static_cast<const std::byte*>(part.data()), part.size()});
      if (frame && std::holds_alternative<Kind>(*frame)) return std::get<Kind>(*frame);
    }
    return std::nullopt;
  }

 private:
  zmq::context_t context_;
  zmq::socket_t socket_;
};

/// a and b work; c is a peer of a's with a key, but what speaks for it is the test.
struct Siege {
  Pair pair;
  Channel out, in;
  CurveKeys c = new_keys();

  explicit Siege(const Change& change = {})
      : pair(change), out(open(pair.a, "b", 1)), in(open(pair.b, "a", 1)) {
    const auto added = pair.a.plane->add_peer({"c", "tcp://127.0.0.1:1", c.public_key});
    if (!added) throw std::runtime_error(added.error().text());
  }
  Stranger speak_as_c() { return {pair.a, &c, pair.a.keys.public_key}; }
  Stranger greeted() {
    auto stranger = speak_as_c();
    stranger.send(hello());
    if (!stranger.hear<wire::Welcome>()) throw std::runtime_error("not welcome");
    return stranger;
  }
  static wire::Hello hello() { return {wire::kVersion, "test", "c", "a", {77, 1}}; }
  bool refused(Refusal reason, std::uint64_t times = 1) {
    return eventually([&] { return pair.a.plane->statistics().refusals(reason) >= times; });
  }
  void expect_others_go_on() {
    const Pattern pattern(3 << 20);
    ASSERT_TRUE(out.send("", pattern.payload(), kGenerous));
    const auto there = next(in);
    ASSERT_TRUE(there);
    ASSERT_TRUE(in.send("", Payload{there->parts(), there->owner()}, kGenerous));
    const auto back = next(out);
    ASSERT_TRUE(back);
    EXPECT_TRUE(flat(*back) == *pattern.bytes);
    EXPECT_EQ(of_peer(pair.a, "b").losses, 0U);
  }
};

/// A raw connection by TCP.
inline Descriptor connect_to(const Process& process) {
  const auto& endpoint = process.plane->endpoint();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return socket;
}

inline long open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

}  // namespace troupe::test
