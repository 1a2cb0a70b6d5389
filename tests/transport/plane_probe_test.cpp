// How fast a way is, measured between two data planes.
#include <gmock/gmock.h>

#include "plane_fixture.hpp"
#include "transport/link_probe.hpp"

namespace troupe::test {
namespace {

constexpr std::uint32_t kChannel = 77;
const SystemClock real_clock;

/// What `ask` saw, while `answer` answered; the answering side's own end is checked.
LinkSpeed measure(Pair& pair, const LinkProbe& probe) {
  Result<void> answered;
  Result<LinkSpeed> speed;
  {
    const std::jthread other([&] { answered = answer_probe(*pair.b.plane, "a", kChannel, real_clock); });
    speed = probe_link(*pair.a.plane, "b", kChannel, probe, real_clock);
  }
  EXPECT_TRUE(answered) << answered.error().text();
  EXPECT_TRUE(speed) << speed.error().text();
  return speed ? *speed : LinkSpeed{};
}

std::uint64_t bytes_out(const Process& process, const std::string& to, Priority priority) {
  return of_peer(process, to).classes[static_cast<std::size_t>(priority)].bytes_out;
}

TEST(LinkProbe, TellsTheRoundTripAndBothDirections) {
  Pair pair;
  const auto speed = measure(pair, {.bytes = mib(4), .seconds = 60});
  EXPECT_GT(speed.round_trip_seconds, 0);
  EXPECT_GT(speed.there, 0);
  EXPECT_GT(speed.back, 0);
  EXPECT_EQ(bytes_out(pair.a, "b", Priority::samples), 4U << 20) << "of the lowest class";
  EXPECT_EQ(bytes_out(pair.b, "a", Priority::samples), 4U << 20);
}

TEST(LinkProbe, WithoutBytesMeasuresRoundTripsAlone) {
  Pair pair;
  const auto speed = measure(pair, {.bytes = {}});
  EXPECT_GT(speed.round_trip_seconds, 0);
  EXPECT_EQ(speed.there, 0);
  EXPECT_EQ(speed.back, 0);
  EXPECT_EQ(bytes_out(pair.a, "b", Priority::samples), 0U);
}

TEST(LinkProbe, SendsNoMoreThanItsTimeAndItsBounds) {
  Pair pair;
  measure(pair, {.bytes = mib(16), .seconds = 0});
  EXPECT_EQ(bytes_out(pair.a, "b", Priority::samples), 0U) << "no time: nothing is sent";
  measure(pair, {.bytes = gib(4), .seconds = 60});
  EXPECT_EQ(bytes_out(pair.a, "b", Priority::samples), static_cast<std::uint64_t>(kMostProbeBytes.count));
  EXPECT_EQ(bytes_out(pair.b, "a", Priority::samples), static_cast<std::uint64_t>(kMostProbeBytes.count));
}

TEST(LinkProbe, MayBeRepeatedOnTheSameChannel) {
  Pair pair;
  for (int i = 0; i < 5; ++i) EXPECT_GT(measure(pair, {.bytes = kib(100)}).there, 0);
}

TEST(LinkProbe, NonsenseEndsIt) {
  Pair pair;
  for (const char* words :
       {"hello", "{", "[]", R"({"push": "all"})", R"({"push": 1e300, "seconds": 1, "trip": 0})"}) {
    Result<void> answered;
    {
      const std::jthread other([&] { answered = answer_probe(*pair.b.plane, "a", kChannel, real_clock); });
      auto end = open(pair.a, "b", kChannel);
      EXPECT_TRUE(end.send(words, {}, kGenerous));
      while (const auto heard = end.receive(kGenerous))
        if (!*heard) break;
    }
    ASSERT_FALSE(answered) << words;
    EXPECT_EQ(answered.error().code, ErrorCode::bad_data) << words;
  }
}

TEST(LinkProbe, APeerThatIsNoneIsNotMeasured) {
  auto alone = start("a");
  const auto speed = probe_link(*alone.plane, "b", kChannel, {}, real_clock);
  ASSERT_FALSE(speed);
  EXPECT_EQ(speed.error().code, ErrorCode::not_found);
}

TEST(LinkProbe, ARateIsThatOfTheLaterHalf) {
  EXPECT_EQ(rate_of({}), 0);
  EXPECT_EQ(rate_of({{5, 0}}), 0);
  EXPECT_EQ(rate_of({{5, 0}, {5, 100}}), 0) << "in no time nobody can tell";
  EXPECT_EQ(rate_of({{0, 0}, {2, 100}}), 50) << "one piece alone";
  EXPECT_EQ(rate_of({{0, 0}, {10, 100}, {10.5, 150}, {11, 200}}), 100) << "however long the first half took";
}

}  // namespace
}  // namespace troupe::test
