// Connections to a data plane that say nothing, say it slowly, or say what another one said: few at a time,
// counted, and gone in the end.
#include <poll.h>

#include <deque>
#include <random>

#include "tests/transport/plane_siege.hpp"
#include "transport/plane_strangers.hpp"

namespace troupe::test {
namespace {

/// A door on loopback, at any port.
struct Door {
  Descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  Door() {
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket.get(), 1), 0);
    EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  }
  Descriptor call() const {
    Descriptor caller(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(caller.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return caller;
  }
  Descriptor answer() const { return Descriptor(::accept(socket.get(), nullptr, nullptr)); }
};

/// Two ends of a connection by TCP.
struct Line {
  Door door;
  Descriptor far = door.call(), near = door.answer();
  bool dropped() const {
    char byte = 0;
    return ::recv(far.get(), &byte, 1, MSG_DONTWAIT) == 0;
  }
};

TEST(PlaneStrangers, TheOldestMakesRoom) {
  plane::Strangers strangers(2);
  const Line a, b, c;
  for (const auto* line : {&a, &b, &c}) strangers.came(line->near.get());
  strangers.make_room();
  EXPECT_TRUE(a.dropped());
  EXPECT_FALSE(b.dropped() || c.dropped());
  EXPECT_EQ(strangers.waiting(), 2U);
}

TEST(PlaneStrangers, WhoHasGreetedOrLeftIsNoneAnyMore) {
  plane::Strangers strangers(1);
  const Line a, b, c;
  for (const auto* line : {&a, &b, &c}) strangers.came(line->near.get());
  strangers.heard(a.near.get());
  EXPECT_FALSE(strangers.gone(a.near.get())) << "it said something";
  EXPECT_TRUE(strangers.gone(b.near.get()));
  strangers.make_room();
  EXPECT_FALSE(a.dropped() || b.dropped() || c.dropped());
  strangers.came(12345);  // and left before it was looked at
  EXPECT_TRUE(strangers.gone(12345));
  EXPECT_FALSE(strangers.gone(12345)) << "it never came";
  EXPECT_EQ(strangers.waiting(), 1U);
}

TEST(PlaneStrangers, ADescriptorThatIsAnothersByNowIsLeftAlone) {
  plane::Strangers strangers(0);
  const Line old, other;
  strangers.came(old.near.get());
  ASSERT_EQ(::dup2(other.near.get(), old.near.get()), old.near.get());  // closed, and its number used again
  strangers.make_room();
  EXPECT_FALSE(other.dropped());
  EXPECT_EQ(strangers.waiting(), 0U);
}

TEST(DataPlaneSiege, TenThousandWhoSayNothingAreFewAtATime) {
  Siege siege([](DataPlaneOptions& options) { options.failure_timeout = 3; });
  allow_many_descriptors();
  constexpr std::size_t kAll = 10'000,
                        kHeld = 1000;  // held on this side: the test's own descriptors are limited
  const long before = open_descriptors();
  std::deque<Descriptor> held;
  for (std::size_t i = 0; i < kAll; ++i) {
    held.push_back(connect_to(siege.pair.a));
    if (held.size() > kHeld) held.pop_front();
  }
  EXPECT_TRUE(siege.refused(Refusal::handshake, kAll - plane::Strangers::kMost));
  const auto own = static_cast<long>(held.size());
  EXPECT_LT(open_descriptors() - own, before + static_cast<long>(plane::Strangers::kMost) + 30);
  siege.expect_others_go_on();
  EXPECT_TRUE(siege.refused(Refusal::handshake, kAll)) << "the last ones by their time";
  held.clear();
  EXPECT_TRUE(eventually([&] { return open_descriptors() < before + 30; }));
}

TEST(DataPlaneSiege, WhoGreetsByteByByteIsDroppedInTime) {
  Siege siege([](DataPlaneOptions& options) { options.failure_timeout = 1; });
  const auto slow = connect_to(siege.pair.a);
  const std::string greeting = std::string("\xff\0\0\0\0\0\0\0\1\x7f\3\0CURVE", 17) + std::string(47, '\0');
  std::size_t said = 0;
  char byte = 0;
  while (said < greeting.size() && ::recv(slow.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) != 0) {
    if (::send(slow.get(), &greeting[said++], 1, MSG_NOSIGNAL) != 1) break;
    pollfd wait{slow.get(), POLLRDHUP, 0};
    ::poll(&wait, 1, 100);
    char heard[256];
    while (::recv(slow.get(), heard, sizeof heard, MSG_DONTWAIT) > 0) {
    }
  }
  EXPECT_LT(said, greeting.size()) << "it was given all the time that it wanted";
  EXPECT_TRUE(siege.refused(Refusal::handshake));
  siege.expect_others_go_on();
}

/// Carries one connection to a data plane, and keeps what is said to it.
class Tap {
 public:
  explicit Tap(const Process& to) : far_(connect_to(to)), thread_([this] { carry(); }) {}
  ~Tap() { end(); }
  std::string end() {
    ::shutdown(far_.get(), SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    return said_;
  }
  std::string endpoint() const { return "tcp://127.0.0.1:" + std::to_string(ntohs(door_.address.sin_port)); }

 private:
  void carry() {
    const Descriptor near = door_.answer();
    std::array<pollfd, 2> both{{{near.get(), POLLIN, 0}, {far_.get(), POLLIN, 0}}};
    std::vector<char> part(1 << 16);
    while (::poll(both.data(), both.size(), -1) > 0) {
      for (std::size_t i = 0; i < both.size(); ++i) {
        if (both[i].revents == 0) continue;
        const auto n = ::recv(both[i].fd, part.data(), part.size(), 0);
        if (n <= 0) return;
        if (i == 0) said_.append(part.data(), static_cast<std::size_t>(n));
        if (::send(both[1 - i].fd, part.data(), static_cast<std::size_t>(n), MSG_NOSIGNAL) != n) return;
      }
    }
  }
  Door door_;
  Descriptor far_;
  std::string said_;
  std::thread thread_;
};

TEST(DataPlaneSiege, ARecordedGreetingSentAgainIsRefused) {
  Siege siege;
  Tap tap(siege.pair.a);
  {
    Stranger c(tap.endpoint(), &siege.c, siege.pair.a.keys.public_key);
    c.send(Siege::hello());
    ASSERT_TRUE(c.hear<wire::Welcome>());
  }
  const std::string recorded = tap.end();
  ASSERT_GT(recorded.size(), 500U);
  const auto before = siege.pair.a.plane->statistics().refusals(Refusal::handshake);
  const auto again = connect_to(siege.pair.a);
  ASSERT_EQ(::send(again.get(), recorded.data(), recorded.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(recorded.size()));
  EXPECT_TRUE(siege.refused(Refusal::handshake, before + 1));
  siege.expect_others_go_on();
}

TEST(DataPlaneSiege, FramesThatAreCutOrNestedAreRefused) {
  Siege siege;
  auto stranger = siege.greeted();
  const auto whole = wire::encode(wire::Data{1, Priority::state, 1, 0, 0, 0, "a header"});
  stranger.send(std::vector<std::string>{whole.substr(0, whole.size() / 2)});
  stranger.send(std::vector<std::string>{whole.substr(0, 7)});
  // a list of lists of lists …: each word is a pointer to a list of pointers that begins right after it
  std::string nested("\0\0\0\0\x01\0\0\0", 8);
  for (int i = 0; i < 200; ++i) nested += std::string("\1\0\0\0\x0e\0\0\0", 8);
  stranger.send(std::vector<std::string>{nested});
  EXPECT_TRUE(siege.refused(Refusal::malformed, 3));
  siege.expect_others_go_on();
}

}  // namespace
}  // namespace troupe::test
