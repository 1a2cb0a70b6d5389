#include "transport/tls_guard.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace troupe {
namespace {

/// Two ends of a connection; `dropped` tells whether the first was shut down.
class Pair {
 public:
  Pair() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_.data()), 0); }
  ~Pair() {
    for (const int end : ends_) ::close(end);
  }
  int socket() const { return ends_[0]; }
  bool dropped() const {
    char byte = 0;
    return ::recv(ends_[1], &byte, 1, 0) == 0;
  }

 private:
  std::array<int, 2> ends_{};
};

struct Guarded : testing::Test {
  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  TlsGuard guard{clock, 10, 2};
  Pair a, b, c;
};

TEST_F(Guarded, StrangersWhoTakeTooLongAreDropped) {
  const auto first = guard.began(a.socket());
  clock->advance(6);
  guard.began(b.socket());
  clock->advance(5);
  guard.drop_slow();
  EXPECT_TRUE(a.dropped());
  EXPECT_FALSE(b.dropped());
  guard.ended(first, TlsRefusal::broken_off);  // which is how its owner sees it
  EXPECT_EQ(guard.take_refused(), (std::map<TlsRefusal, std::int64_t>{{TlsRefusal::too_slow, 1}}));
  EXPECT_TRUE(guard.take_refused().empty());
}

TEST_F(Guarded, ANewcomerPushesTheOldestOut) {
  const auto first = guard.began(a.socket());
  guard.began(b.socket());
  guard.began(c.socket());
  EXPECT_TRUE(a.dropped());
  EXPECT_FALSE(b.dropped());
  guard.ended(first, TlsRefusal::broken_off);
  EXPECT_EQ(guard.take_refused(), (std::map<TlsRefusal, std::int64_t>{{TlsRefusal::too_many, 1}}));
}

TEST_F(Guarded, WhoWasLetInIsNoStrangerAnyMore) {
  guard.ended(guard.began(a.socket()), TlsRefusal::none);
  const auto second = guard.began(b.socket());
  guard.began(c.socket());
  clock->advance(100);
  guard.ended(second, TlsRefusal::none);
  guard.drop_slow();
  EXPECT_FALSE(a.dropped());
  EXPECT_FALSE(b.dropped());
  EXPECT_TRUE(c.dropped());
  EXPECT_TRUE(guard.take_refused().empty()) << "it is counted when its owner has let go of it";
}

TEST_F(Guarded, ReasonsAreCountedOnceEach) {
  const auto number = guard.began(a.socket());
  guard.ended(number, TlsRefusal::expired);
  guard.ended(number, TlsRefusal::expired);
  guard.ended(guard.began(b.socket()), TlsRefusal::expired);
  EXPECT_EQ(guard.take_refused(), (std::map<TlsRefusal, std::int64_t>{{TlsRefusal::expired, 2}}));
}

}  // namespace
}  // namespace troupe
