// What comes from outside and means harm: refused, counted, and everybody else goes on.
#include <gmock/gmock.h>

#include <random>

#include "tests/transport/plane_siege.hpp"

namespace troupe::test {
namespace {

using ::testing::HasSubstr;

TEST(DataPlaneHostile, AKeyThatNobodyHasIsRefused) {
  Siege siege;
  const auto keys = new_keys();
  Stranger stranger(siege.pair.a, &keys, siege.pair.a.keys.public_key);
  EXPECT_TRUE(siege.refused(Refusal::wrong_key));
  siege.expect_others_go_on();
}

TEST(DataPlaneHostile, NoKeyOrAWrongServerKeyIsRefused) {
  Siege siege;
  Stranger plain(siege.pair.a, nullptr, "");
  EXPECT_TRUE(siege.refused(Refusal::handshake));
  const auto before = siege.pair.a.plane->statistics().refusals(Refusal::handshake);
  Stranger lost(siege.pair.a, &siege.c, siege.c.public_key);
  EXPECT_TRUE(siege.refused(Refusal::handshake, before + 1));
  siege.expect_others_go_on();
}

TEST(DataPlaneHostile, TheSideThatIsRefusedIsToldWhy) {
  auto a = start("a");
  auto stranger = start("b");
  ASSERT_TRUE(stranger.plane->add_peer(a.address()));
  ASSERT_TRUE(a.plane->add_peer({"b", stranger.plane->endpoint(), new_keys().public_key}));
  EXPECT_TRUE(eventually([&] { return a.plane->statistics().refusals(Refusal::wrong_key) > 0; }));
  EXPECT_TRUE(eventually([&] { return !of_peer(stranger, "a").trouble.empty(); }));
  EXPECT_THAT(of_peer(stranger, "a").trouble, HasSubstr("does not know this process's key"));
  EXPECT_TRUE(eventually([&] { return !of_peer(a, "b").trouble.empty(); }));
  EXPECT_THAT(of_peer(a, "b").trouble, HasSubstr("another key"));
}

TEST(DataPlaneHostile, AnotherClusterIsRefusedInWords) {
  auto a = start("a");
  auto b = start("b", [](DataPlaneOptions& options) { options.cluster = "other"; });
  introduce(a, b);
  EXPECT_TRUE(eventually([&] { return a.plane->statistics().refusals(Refusal::wrong_cluster) > 0; }));
  EXPECT_TRUE(eventually([&] { return !of_peer(b, "a").trouble.empty(); }));
  EXPECT_THAT(of_peer(b, "a").trouble, HasSubstr("of the cluster \"test\", not \"other\""));
  const auto missing = b.plane->wait_for("a", 0);
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().text(), HasSubstr("of the cluster"));
}

TEST(DataPlaneHostile, GreetingsThatAreNotRightAreRefused) {
  Siege siege;
  auto stranger = siege.speak_as_c();
  auto hello = Siege::hello();
  hello.version = 99;
  stranger.send(hello);
  EXPECT_THAT(stranger.hear<wire::Refused>()->why, HasSubstr("not 99"));
  hello = Siege::hello();
  hello.cluster = "other";
  stranger.send(hello);
  EXPECT_THAT(stranger.hear<wire::Refused>()->why, HasSubstr("not \"other\""));
  hello = Siege::hello();
  hello.from = "b";  // whose key it has not
  stranger.send(hello);
  EXPECT_THAT(stranger.hear<wire::Refused>()->why, HasSubstr("no peer \"b\" with that key"));
  hello = Siege::hello();
  hello.to = "d";
  stranger.send(hello);
  EXPECT_THAT(stranger.hear<wire::Refused>()->why, HasSubstr("this is a, not \"d\""));
  EXPECT_TRUE(siege.refused(Refusal::wrong_version));
  EXPECT_TRUE(siege.refused(Refusal::wrong_cluster));
  EXPECT_TRUE(siege.refused(Refusal::unknown_peer, 2));
  stranger.send(Siege::hello());
  EXPECT_EQ(stranger.hear<wire::Welcome>()->session.incarnation, siege.pair.a.plane->incarnation());
  siege.expect_others_go_on();
}

TEST(DataPlaneHostile, FramesBeforeAHelloAreRefused) {
  Siege siege;
  auto stranger = siege.speak_as_c();
  for (int i = 0; i < 5; ++i) stranger.send(wire::Data{1, Priority::state, 1, 0, 0, 0, "h"});
  EXPECT_TRUE(siege.refused(Refusal::no_hello, 5));
  siege.expect_others_go_on();
}

TEST(DataPlaneHostile, GarbageIsCountedAndRepeatedGarbageDisconnects) {
  Siege siege;
  auto stranger = siege.greeted();
  std::mt19937 random(1);
  for (int i = 0; i < 8; ++i) {
    std::string garbage(random() % 500, '\0');
    for (auto& c : garbage) c = static_cast<char>(random());
    stranger.send(std::vector<std::string>{garbage});
  }
  EXPECT_TRUE(siege.refused(Refusal::malformed, 8));
  EXPECT_TRUE(eventually([&] { return of_peer(siege.pair.a, "c").losses == 1; }));
  EXPECT_THAT(of_peer(siege.pair.a, "c").trouble, HasSubstr("make no sense"));
  siege.expect_others_go_on();
}

TEST(DataPlaneHostile, TheWrongNumberOfPartsIsMalformed) {
  Siege siege;
  auto stranger = siege.greeted();
  stranger.send(wire::Data{1, Priority::state, 1, 0, 10, 0, ""});
  stranger.send(wire::Data{1, Priority::state, 1, 0, 10, 0, ""}, {"12345", "67890"});
  stranger.send(wire::Close{1, 1, 1}, {"more"});
  stranger.send(wire::Alive{});
  EXPECT_TRUE(siege.refused(Refusal::malformed, 4));
  siege.expect_others_go_on();
}

TEST(DataPlaneHostile, AnOversizedPieceIsRefusedAndAHugeFrameCutsTheConnection) {
  Siege siege;
  {
    auto stranger = siege.greeted();
    stranger.send(wire::Data{1, Priority::state, 1, 0, 1 << 21, 0, ""}, {std::string((1 << 20) + 1, 'x')});
    EXPECT_TRUE(siege.refused(Refusal::oversized));
    stranger.send(std::vector<std::string>{std::string(50 << 20, 'x')});
    stranger.send(wire::Close{1, 1, 1});
    EXPECT_TRUE(siege.refused(Refusal::no_hello)) << "it had to connect anew";
  }
  siege.expect_others_go_on();
}

TEST(DataPlaneHostile, PayloadWithoutCreditOrOutOfOrderEndsThePeer) {
  Siege siege;
  auto channel = open(siege.pair.a, "c", 4);
  auto stranger = siege.greeted();
  const auto credit = stranger.hear<wire::Credit>();
  ASSERT_TRUE(credit);
  EXPECT_TRUE(credit->first);
  EXPECT_EQ(credit->bytes, static_cast<std::uint64_t>(mib(128).count));
  wire::Data data{4, Priority::state, credit->opening, 0, 2, 0, "fine"};
  stranger.send(data, {"ok"});
  EXPECT_EQ(next(channel)->header(), "fine");
  data.sequence = 5;
  stranger.send(data, {"no"});
  EXPECT_TRUE(siege.refused(Refusal::out_of_order));
  EXPECT_EQ(channel.receive(kGenerous).error().code, ErrorCode::peer_missing);
  siege.expect_others_go_on();
}

TEST(DataPlaneHostile, MemoryForOneChannelEndsAtTheWindow) {
  Pair pair;
  auto a = start("d", [](DataPlaneOptions& options) { options.window = mib(1); });
  const auto keys = new_keys();
  ASSERT_TRUE(a.plane->add_peer({"c", "tcp://127.0.0.1:1", keys.public_key}));
  auto channel = open(a, "c", 4);
  Stranger stranger(a, &keys, a.keys.public_key);
  stranger.send(wire::Hello{wire::kVersion, "test", "c", "d", {77, 1}});
  const auto credit = stranger.hear<wire::Credit>();
  ASSERT_TRUE(credit);
  const std::string piece(300'000, 'x');
  for (std::uint64_t i = 0; i < 10; ++i)
    stranger.send(wire::Data{4, Priority::state, credit->opening, i, piece.size(), 0, ""}, {piece});
  EXPECT_TRUE(eventually([&] { return a.plane->statistics().refusals(Refusal::over_credit) > 0; }));
  EXPECT_LE(of_peer(a, "c").held_bytes, static_cast<std::uint64_t>(mib(1).count));
}

TEST(DataPlaneHostile, RawTcpIsRefusedHowItEverSpeaks) {
  Siege siege([](DataPlaneOptions& options) { options.failure_timeout = 3; });
  std::vector<Descriptor> half_open;
  for (int i = 0; i < 200; ++i) half_open.push_back(connect_to(siege.pair.a));
  std::mt19937 random(1);
  for (int i = 0; i < 20; ++i) {
    const auto socket = connect_to(siege.pair.a);
    std::string garbage(4096, '\0');
    for (auto& c : garbage) c = static_cast<char>(random());
    if (i % 2 == 0) garbage = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";
    EXPECT_GT(::send(socket.get(), garbage.data(), garbage.size(), MSG_NOSIGNAL), 0);
    char answer[64];
    while (::recv(socket.get(), answer, sizeof answer, 0) > 0) {
    }
  }
  EXPECT_TRUE(siege.refused(Refusal::handshake, 10));
  siege.expect_others_go_on();
}

TEST(Hostile, APeerThatNeverGreetsBackCostsNoDescriptors) {
  zmq::context_t context;
  zmq::socket_t deaf(context, zmq::socket_type::router);
  deaf.set(zmq::sockopt::linger, 0);
  deaf.bind("tcp://127.0.0.1:*");
  DataPlaneOptions options;
  options.name = "a";
  options.cluster = "test";
  options.unencrypted = true;
  options.failure_timeout = 0.2;
  const auto a = DataPlane::start(options);
  ASSERT_TRUE(a) << a.error().text();
  ASSERT_TRUE((*a)->add_peer({"b", deaf.get(zmq::sockopt::last_endpoint), ""}));
  const auto hear = [&deaf](int hellos) {
    for (int i = 0; i < hellos;) {
      zmq::message_t part;
      ASSERT_TRUE(deaf.recv(part));
      if (!part.more()) ++i;
    }
  };
  hear(4);  // each on a connection of its own
  const long before = open_descriptors();
  hear(20);
  EXPECT_LT(open_descriptors(), before + 20) << "each try leaves some behind";
}

}  // namespace
}  // namespace troupe::test
