#include <gmock/gmock.h>

#include <atomic>

#include "../temp_folder.hpp"
#include "plane_fixture.hpp"

namespace troupe::test {
namespace {

using ::testing::HasSubstr;

TEST(DataPlane, MessagesKeepTheirOrderAndTheirBytes) {
  Pair pair;
  auto out = open(pair.a, "b", 1);
  auto in = open(pair.b, "a", 1);
  const std::vector<std::size_t> sizes = {
      0, 1, 7, 63 << 10, 64 << 10, 65 << 10, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 20, 64 << 20};
  std::jthread sender([&] {
    for (std::size_t i = 0; i < sizes.size(); ++i)
      EXPECT_TRUE(out.send("message " + std::to_string(i), Pattern(sizes[i]).payload(), kGenerous));
  });
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto message = next(in);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->header(), "message " + std::to_string(i));
    ASSERT_EQ(message->size(), sizes[i]);
    EXPECT_TRUE(flat(*message) == *Pattern(sizes[i]).bytes) << sizes[i];
  }
  sender.join();
}

TEST(DataPlane, ChannelsCarryBothWays) {
  Pair pair;
  auto here = open(pair.a, "b", 5);
  auto there = open(pair.b, "a", 5);
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(here.send(std::to_string(i)));
    const auto asked = next(there);
    ASSERT_TRUE(asked);
    ASSERT_TRUE(there.send(std::string(asked->header()) + "!"));
    const auto answered = next(here);
    ASSERT_TRUE(answered);
    EXPECT_EQ(answered->header(), std::to_string(i) + "!");
  }
}

TEST(DataPlane, WorksOverIpcAndUnencryptedOnThisMachine) {
  const TempFolder folder;
  int number = 0;
  Pair pair([&](DataPlaneOptions& options) {
    options.keys.reset();
    options.unencrypted = true;
    options.bind = "ipc://" + (folder / std::to_string(number++)).string();
  });
  auto out = open(pair.a, "b", 1);
  auto in = open(pair.b, "a", 1);
  const Pattern pattern(3 << 20);
  ASSERT_TRUE(out.send("", pattern.payload()));
  const auto message = next(in);
  ASSERT_TRUE(message);
  EXPECT_TRUE(flat(*message) == *pattern.bytes);
}

TEST(DataPlane, SpansAreSentAsOneAndTheOwnerIsLetGoOnce) {
  Pair pair;
  auto out = open(pair.a, "b", 1);
  auto in = open(pair.b, "a", 1);
  const Pattern pattern(2'500'000);
  std::atomic<int> releases = 0;
  {
    const std::span<const std::byte> all(*pattern.bytes);
    Payload payload{{all.first(10), all.subspan(10, 0), all.subspan(10, 2'000'000), all.subspan(2'000'010)},
                    std::shared_ptr<const void>(pattern.bytes.get(), [&](const void*) { ++releases; })};
    ASSERT_TRUE(out.send("", std::move(payload)));
  }
  const auto message = next(in);
  ASSERT_TRUE(message);
  EXPECT_TRUE(flat(*message) == *pattern.bytes);
  EXPECT_TRUE(eventually([&] { return releases == 1; }));
  EXPECT_EQ(message->parts().size(), 4U) << "10 bytes, 2 000 000 in two pieces, the rest";
}

TEST(DataPlane, ASenderStopsAtTheWindowAndGoesOnWithTheCredit) {
  Pair pair([](DataPlaneOptions& options) { options.window = mib(4); });
  auto out = open(pair.a, "b", 1);
  auto in = open(pair.b, "a", 1);
  const Pattern pattern(1 << 20);
  int sent = 0;
  ASSERT_TRUE(out.send("0", pattern.payload()));  // waits for the other end to be open
  for (++sent; *out.try_send(std::to_string(sent), pattern.payload()); ++sent) ASSERT_LT(sent, 100);
  EXPECT_EQ(sent, 3) << "a fourth MiB and what it costs to hold it is past 4 MiB";
  EXPECT_EQ(out.send("", pattern.payload(), 0.01).error().code, ErrorCode::no_capacity);
  std::atomic<int> more = 0;
  std::jthread sender([&] {
    for (int i = sent; i < 20; ++i, ++more)
      EXPECT_TRUE(out.send(std::to_string(i), pattern.payload(), kGenerous));
  });
  std::vector<Message> kept;
  for (int i = 0; i < sent; ++i) kept.push_back(*next(in));
  EXPECT_FALSE(*in.receive(0.05)) << "no credit went back while the messages are held";
  EXPECT_EQ(more, 0);
  kept[0].return_credit();
  kept.push_back(*next(in));
  EXPECT_EQ(kept.back().header(), "3");
  EXPECT_GE(of_peer(pair.b, "a").held_bytes, 3U << 20);
  kept.clear();
  for (int i = sent + 1; i < 20; ++i) EXPECT_EQ(next(in)->header(), std::to_string(i));
  sender.join();
  EXPECT_TRUE(eventually([&] { return of_peer(pair.b, "a").held_bytes == 0; }));
}

TEST(DataPlane, AnOwnerOfAMessageKeepsItsMemoryAndItsCredit) {
  Pair pair([](DataPlaneOptions& options) { options.window = mib(1); });
  auto out = open(pair.a, "b", 1);
  auto in = open(pair.b, "a", 1);
  const Pattern pattern(800'000);
  ASSERT_TRUE(out.send("", pattern.payload()));
  auto message = next(in);
  ASSERT_TRUE(message);
  const auto part = message->parts().front();
  auto owner = message->owner();
  message.reset();
  EXPECT_FALSE(*out.try_send("", pattern.payload()));
  EXPECT_EQ(part[0], (*pattern.bytes)[0]);
  owner.reset();
  EXPECT_TRUE(out.send("", pattern.payload(), kGenerous));
}

TEST(DataPlane, AMessagePastTheWindowIsRefusedInWords) {
  Pair pair([](DataPlaneOptions& options) { options.window = mib(1); });
  auto out = open(pair.a, "b", 1);
  auto in = open(pair.b, "a", 1);
  const auto refused = out.send("", Pattern(1 << 20).payload());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::bad_usage);
  EXPECT_THAT(refused.error().text(), HasSubstr("896 KiB"));
  EXPECT_EQ(out.send(std::string(40'000, 'h')).error().code, ErrorCode::bad_usage);
  EXPECT_TRUE(out.send("still good"));
  EXPECT_EQ(next(in)->header(), "still good");
}

TEST(DataPlane, ControlOvertakesStateThatIsQueued) {
  Pair pair;
  auto bulk_out = open(pair.a, "b", 1, Priority::state);
  auto bulk_in = open(pair.b, "a", 1);
  auto word_out = open(pair.a, "b", 2, Priority::control);
  auto word_in = open(pair.b, "a", 2);
  const Pattern pattern(16 << 20);
  constexpr std::size_t kState = static_cast<std::size_t>(Priority::state);
  constexpr int kQueued = 6;
  // In the order of sending a control message would never be seen before all state; once is proof.
  bool overtook = false;
  for (std::uint64_t round = 1; round <= 20 && !overtook; ++round) {
    for (int i = 0; i < kQueued; ++i) ASSERT_TRUE(bulk_out.send("", pattern.payload()));
    ASSERT_TRUE(word_out.send("now"));
    ASSERT_TRUE(next(word_in));
    overtook = of_peer(pair.b, "a").classes[kState].bytes_in < round * kQueued * pattern.bytes->size();
    for (int i = 0; i < kQueued; ++i) ASSERT_TRUE(next(bulk_in));
  }
  EXPECT_TRUE(overtook);
}

TEST(DataPlane, CancellingWakesBothEndsWithTheReason) {
  Pair pair([](DataPlaneOptions& options) { options.window = mib(1); });
  auto out = open(pair.a, "b", 1);
  auto in = open(pair.b, "a", 1);
  auto other_out = open(pair.a, "b", 2);
  auto other_in = open(pair.b, "a", 2);
  const Pattern pattern(500'000);
  ASSERT_TRUE(out.send("", pattern.payload()));
  std::jthread blocked([&] {
    const auto sent = out.send("", Pattern(600'000).payload());
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code, ErrorCode::over_budget);
    EXPECT_THAT(sent.error().text(), HasSubstr("the step was abandoned"));
  });
  const auto held = next(in);
  std::thread canceller(
      [&] { in.cancel({.code = ErrorCode::over_budget, .what = "the step was abandoned"}); });
  blocked.join();
  canceller.join();
  const auto received = in.receive(0);
  ASSERT_FALSE(received);
  EXPECT_EQ(received.error().code, ErrorCode::over_budget);
  EXPECT_THAT(received.error().where, HasSubstr("channel 1 to a"));
  ASSERT_TRUE(other_out.send("alive"));
  EXPECT_EQ(next(other_in)->header(), "alive");
}

TEST(DataPlane, ACancelReachesAnEndThatIsOpenedLater) {
  Pair pair;
  auto early = open(pair.a, "b", 1);
  early.cancel({.code = ErrorCode::peer_failed, .what = "rank 3 failed"});
  auto late = open(pair.b, "a", 1);
  const auto received = late.receive(kGenerous);
  ASSERT_FALSE(received);
  EXPECT_EQ(received.error().code, ErrorCode::peer_failed);
}

TEST(DataPlane, AClosedChannelDeliversWhatWasSentAndThenSaysSo) {
  Pair pair;
  auto in = open(pair.b, "a", 1);
  const Pattern pattern(3 << 20);
  {
    auto out = open(pair.a, "b", 1);
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(out.send(std::to_string(i), pattern.payload()));
  }
  for (int i = 0; i < 5; ++i) {
    const auto message = next(in);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->header(), std::to_string(i));
    EXPECT_TRUE(flat(*message) == *pattern.bytes);
  }
  const auto over = in.receive(kGenerous);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, ErrorCode::interrupted);
  EXPECT_EQ(in.send("").error().code, ErrorCode::interrupted);
}

TEST(DataPlane, ANumberCanBeUsedAgain) {
  Pair pair;
  for (int round = 0; round < 50; ++round) {
    auto out = open(pair.a, "b", 1);
    auto in = open(pair.b, "a", 1);
    EXPECT_FALSE(pair.a.plane->open("b", 1, Priority::state)) << "it is open";
    ASSERT_TRUE(out.send(std::to_string(round)));
    const auto message = next(in);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->header(), std::to_string(round));
    in = Channel(std::move(out));
    EXPECT_FALSE(in.receive(kGenerous)) << "the end that it took over has lost its other one";
  }
  EXPECT_EQ(pair.b.plane->statistics().refusals(Refusal::malformed), 0U);
}

TEST(DataPlane, StatisticsCountWhatCrossed) {
  Pair pair;
  auto out = open(pair.a, "b", 1, Priority::gradients);
  auto in = open(pair.b, "a", 1);
  ASSERT_TRUE(out.send("", Pattern(5 << 20).payload()));
  ASSERT_TRUE(next(in));
  const auto sent = of_peer(pair.a, "b").classes[1];
  const auto came = of_peer(pair.b, "a").classes[1];
  EXPECT_EQ(sent.bytes_out, 5U << 20);
  EXPECT_EQ(sent.frames_out, 5U);
  EXPECT_EQ(came.bytes_in, 5U << 20);
  EXPECT_EQ(came.frames_in, 5U);
  EXPECT_EQ(of_peer(pair.a, "b").queued_bytes, 0U);
}

TEST(DataPlane, ManyChannelsAndThreadsAtOnce) {
  Pair pair([](DataPlaneOptions& options) { options.window = mib(1); });
  constexpr int kChannels = 8;
  constexpr int kMessages = 100;
  std::vector<std::jthread> threads;
  for (std::uint32_t c = 0; c < kChannels; ++c) {
    const auto priority = static_cast<Priority>(c % kPriorities);
    threads.emplace_back([&pair, c, priority] {
      auto out = open(pair.a, "b", c, priority);
      for (int i = 0; i < kMessages; ++i)
        EXPECT_TRUE(out.send(std::to_string(i), Pattern(static_cast<std::size_t>(i) * 1000, c).payload()));
      EXPECT_FALSE(out.receive(kGenerous)) << "ends when the other is closed";
    });
    threads.emplace_back([&pair, c, priority] {
      auto in = open(pair.b, "a", c, priority);
      for (int i = 0; i < kMessages; ++i) {
        const auto message = next(in);
        ASSERT_TRUE(message);
        EXPECT_EQ(message->header(), std::to_string(i));
        EXPECT_TRUE(flat(*message) == *Pattern(static_cast<std::size_t>(i) * 1000, c).bytes);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace troupe::test
