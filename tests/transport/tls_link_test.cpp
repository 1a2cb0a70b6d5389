// The control link over TLS, with real sockets: who is let in, who is not, what both sides say, and that
// nobody who is refused disturbs those inside.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <openssl/ssl.h>

#include <atomic>
#include <fstream>

#include "tests/transport/key_folder.hpp"
#include "tests/transport/server.hpp"
#include "transport/tcp.hpp"
#include "transport/tls.hpp"
#include "transport/tls_guard.hpp"

namespace troupe {
namespace {

using test::kDay;
using test::KeyPlace;
using test::now;
using ::testing::AllOf;
using ::testing::HasSubstr;

GateOptions with(std::shared_ptr<const Keys> keys) { return {.keys = std::move(keys)}; }

Result<std::unique_ptr<ControlClient>> connect(int port, std::shared_ptr<const Keys> keys,
                                               double seconds = 20) {
  return ControlClient::connect({.port = port, .keys = std::move(keys)}, seconds);
}

/// The error of a connection that must not come about.
Error refused(int port, std::shared_ptr<const Keys> keys, double seconds = 20) {
  const auto client = connect(port, std::move(keys), seconds);
  if (!client) return client.error();
  ADD_FAILURE() << "let in";
  return {};
}

bool answers(ControlClient& client) {
  const auto reply = client.request("show", {{"job", "gan"}});
  return reply && (*reply)["verb"] == "show";
}

/// A cluster with keys, and one who is inside from the start.
struct Inside : testing::Test {
  KeyPlace place{now() - 30 * kDay};
  Server server{with(place.load("head"))};
  std::unique_ptr<ControlClient> insider;

  void SetUp() override {
    ASSERT_TRUE(server.gate) << server.gate.error().text();
    auto client = connect(server.port(), place.load("head"));
    ASSERT_TRUE(client) << client.error().text();
    insider = std::move(*client);
    ASSERT_TRUE(answers(*insider));
  }
  /// Whoever was refused: those inside noticed nothing, and others still come in.
  void TearDown() override {
    if (!insider) return;
    EXPECT_TRUE(answers(*insider)) << "who was inside was cut off";
    const auto next = connect(server.port(), place.load("head"));
    ASSERT_TRUE(next) << next.error().text();
    EXPECT_TRUE(answers(**next));
  }
};

TEST_F(Inside, NodesAndUsersOfTheClusterAreLetIn) {
  place.add("bob", KeyRole::node).add("alice", KeyRole::client);
  for (const char* name : {"bob", "alice"}) {
    const auto client = connect(server.port(), place.load(name));
    ASSERT_TRUE(client) << client.error().text();
    EXPECT_TRUE(answers(**client));
    const auto error = (*client)->request("fail", {});
    ASSERT_FALSE(error);
    EXPECT_EQ(error.error().code, ErrorCode::not_found);
  }
}

TEST_F(Inside, LargeQuestionsAndAnswersComeWhole) {
  const std::string large(3 << 20, 'x');
  const auto reply = insider->request("show", {{"toml", large}});
  ASSERT_TRUE(reply) << reply.error().text();
  EXPECT_EQ((*reply)["arguments"]["toml"], large);
}

TEST_F(Inside, ManyWhoComeAndGoLeaveTheOthersAlone) {
  for (int i = 0; i < 10; ++i) {
    const auto client = connect(server.port(), place.load("head"));
    ASSERT_TRUE(client) << client.error().text();
    EXPECT_TRUE(answers(**client));
    EXPECT_TRUE(answers(*insider));
  }
}

TEST_F(Inside, AnExpiredKeyIsRefusedAndSaidSo) {
  place.add("old", KeyRole::client, now() - 20 * kDay, 10);
  const Error error = refused(server.port(), place.load("old", now() - 15 * kDay));
  EXPECT_THAT(error.text(), AllOf(HasSubstr("the cluster refuses this key: it is expired"),
                                  HasSubstr("key of old"), HasSubstr("troupe keys add DIR old --renew")));
  EXPECT_EQ(error.exit_code(), 2);
  EXPECT_EQ(server.refused->until("expired")["expired"], 1);
}

TEST(TlsSession, WhoIsRefusedWhileItWritesStillHearsWhy) {
  KeyPlace place{now() - 30 * kDay};
  place.add("old", KeyRole::client, now() - 20 * kDay, 10);
  int ends[2] = {};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  Descriptor guests(ends[0]), hosts(ends[1]);
  const auto of = [&](const char* name, double at) { return *TlsContext::make(*place.load(name, at)); };
  TlsSession guest(of("old", now() - 15 * kDay), guests.get(), TlsSession::End::connecting);
  TlsSession host(of("head", now()), hosts.get(), TlsSession::End::accepting);
  for (int i = 0; i < 10 && host.refusal() == TlsRefusal::none; ++i) {
    guest.shake_hands();
    host.shake_hands();
  }
  ASSERT_EQ(host.refusal(), TlsRefusal::expired);
  ASSERT_TRUE(guest.ready()) << "who connects is content first";
  hosts.close();
  std::size_t moved = 0;
  EXPECT_EQ(guest.write("hello", 5, moved), TlsSession::Step::failed);
  EXPECT_TRUE(guest.refused_by_peer());
  EXPECT_EQ(guest.refusal(), TlsRefusal::expired);
}

TEST_F(Inside, AKeyFromTheFutureIsRefused) {
  place.add("early", KeyRole::client, now() + 10 * kDay);
  const Error error = refused(server.port(), place.load("early", now() + 11 * kDay));
  EXPECT_THAT(error.text(), HasSubstr("the cluster refuses this key"));
  EXPECT_EQ(server.refused->until("not_yet_valid")["not_yet_valid"], 1);
}

TEST_F(Inside, AnotherClustersKeyIsRefusedByBothSides) {
  const KeyPlace other;
  const Error error = refused(server.port(), other.load("head"));
  EXPECT_THAT(error.text(), HasSubstr("what answers there holds no key of this cluster"));
  EXPECT_EQ(error.exit_code(), 2);
  // one who trusts this cluster, but was not signed by it
  auto mixed = std::make_shared<Keys>(*other.load("head"));
  mixed->authority = place.load("head")->authority;
  const Error second = refused(server.port(), mixed);
  EXPECT_THAT(second.text(), HasSubstr("the cluster refuses this key: it is another cluster's"));
  EXPECT_EQ(server.refused->until("other_authority")["other_authority"], 1);
  EXPECT_EQ(server.refused->until("by_peer")["by_peer"], 1) << "the first one turned away itself";
}

/// A TLS client by OpenSSL alone, without a certificate; true if the server let it say anything.
bool talks_without_certificate(int port) {
  auto socket = tcp_connect("127.0.0.1", port, 10);
  if (!socket) return false;
  const ossl::Context context(SSL_CTX_new(TLS_method()));
  const ossl::Stream stream(SSL_new(context.get()));
  const int blocking = ::fcntl(socket->get(), F_GETFL) & ~O_NONBLOCK;
  ::fcntl(socket->get(), F_SETFL, blocking);
  SSL_set_fd(stream.get(), socket->get());
  char byte = 0;
  return SSL_connect(stream.get()) == 1 && SSL_read(stream.get(), &byte, 1) == 1;
}

TEST_F(Inside, WithoutACertificateNobodyIsLetIn) {
  EXPECT_FALSE(talks_without_certificate(server.port()));
  EXPECT_EQ(server.refused->until("no_certificate")["no_certificate"], 1);
}

TEST_F(Inside, WhatIsNoTlsIsRefusedAndHearsNothingOfCaf) {
  auto socket = tcp_connect("127.0.0.1", server.port(), 10);
  ASSERT_TRUE(socket);
  const std::string text = "GET / HTTP/1.0\r\n\r\n";
  ASSERT_EQ(::send(socket->get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  EXPECT_EQ(server.refused->until("no_tls")["no_tls"], 1);
  std::string heard(4096, '\0');
  const ssize_t n = ::recv(socket->get(), heard.data(), heard.size(), 0);
  EXPECT_LT(n, 32) << "at most a TLS alert";
}

TEST_F(Inside, APlainCommandIsRefusedAndToldOfKeys) {
  const Error error = refused(server.port(), nullptr, 1);
  EXPECT_EQ(error.code, ErrorCode::not_connected);
  EXPECT_EQ(error.exit_code(), 1);
  EXPECT_THAT(error.text(), HasSubstr("--keys"));
}

TEST_F(Inside, OneWhoBreaksOffIsCounted) {
  { auto socket = tcp_connect("127.0.0.1", server.port(), 10); }
  EXPECT_EQ(server.refused->until("broken_off")["broken_off"], 1);
}

TEST_F(Inside, AFloodOfStrangersPushesOutTheOldestAndNobodyElse) {
  std::vector<Descriptor> strangers;
  const auto most = static_cast<std::int64_t>(TlsGuard::kMost);
  for (std::int64_t i = 0; i < most + 40; ++i) {
    auto socket = tcp_connect("127.0.0.1", server.port(), 10);
    ASSERT_TRUE(socket) << socket.error().text();
    strangers.push_back(std::move(*socket));
  }
  EXPECT_GE(server.refused->until("too_many", 40)["too_many"], 40);
  EXPECT_TRUE(answers(*insider));
  const auto next = connect(server.port(), place.load("head"));
  EXPECT_TRUE(next) << next.error().text();
}

/// Goes when it is told to.
class TestClock final : public Clock {
 public:
  double now() const override { return now_; }
  double unix_time() const override { return now_; }
  void advance(double seconds) { now_ = now_ + seconds; }

 private:
  std::atomic<double> now_ = 0;
};

TEST(TlsLink, StrangersWhoSayNothingOrHalfAreDroppedInTime) {
  const KeyPlace place;
  const auto clock = std::make_shared<TestClock>();
  Server server(GateOptions{.keys = place.load("head"), .clock = clock});
  ASSERT_TRUE(server.gate) << server.gate.error().text();
  const auto silent = tcp_connect("127.0.0.1", server.port(), 10),
             half = tcp_connect("127.0.0.1", server.port(), 10);
  ASSERT_TRUE(silent && half);
  const std::string header("\x16\x03\x01\x02\x00\x01", 6);  // the first bytes of a TLS greeting of 512 bytes
  ASSERT_EQ(::send(half->get(), header.data(), header.size(), MSG_NOSIGNAL), 6);
  const auto client = connect(server.port(), place.load("head"));  // after them: they were accepted before it
  ASSERT_TRUE(client) << client.error().text();
  clock->advance(TlsGuard::kSeconds + 1);
  EXPECT_EQ(server.refused->until("too_slow", 2)["too_slow"], 2);
  EXPECT_TRUE(answers(**client)) << "who shook hands in time stays";
}

/// Says what is no TLS, from an address of its own, and hears how that ends.
void knock_from(const char* address, int port) {
  const Descriptor guest(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in own{}, there{};
  own.sin_family = there.sin_family = AF_INET;
  ::inet_pton(AF_INET, address, &own.sin_addr);
  there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  there.sin_port = htons(static_cast<std::uint16_t>(port));
  ASSERT_EQ(::bind(guest.get(), reinterpret_cast<sockaddr*>(&own), sizeof own), 0);
  ASSERT_EQ(::connect(guest.get(), reinterpret_cast<sockaddr*>(&there), sizeof there), 0);
  ::send(guest.get(), "plain", 5, MSG_NOSIGNAL);
  char byte = 0;
  while (::recv(guest.get(), &byte, 1, 0) > 0) {
  }
}

TEST(TlsLink, WhoKnocksWronglyTooOftenIsNotListenedToForAWhile) {
  const KeyPlace place;
  const auto clock = std::make_shared<TestClock>();
  Server server(GateOptions{.keys = place.load("head"), .clock = clock});
  ASSERT_TRUE(server.gate) << server.gate.error().text();
  constexpr int kBurst = static_cast<int>(Knocks::kBurst);
  for (int i = 0; i < kBurst + 5; ++i) knock_from("127.0.0.2", server.port());
  server.refused->until("barred", 5);
  const auto counts = server.refused->until("no_tls", kBurst);
  EXPECT_EQ(counts.at("no_tls"), kBurst);
  EXPECT_EQ(counts.at("barred"), 5);
  EXPECT_TRUE(connect(server.port(), place.load("head"))) << "from another address";
  clock->advance(1);
  knock_from("127.0.0.2", server.port());
  EXPECT_EQ(server.refused->until("no_tls", kBurst + 1)["no_tls"], kBurst + 1) << "it is listened to again";
}

TEST(TlsLink, AnImpostorIsRefusedByTheCommand) {
  const KeyPlace ours, theirs;
  const Server impostor(with(theirs.load("head")));
  ASSERT_TRUE(impostor.gate) << impostor.gate.error().text();
  const Error error = refused(impostor.port(), ours.load("head"));
  EXPECT_THAT(error.text(), AllOf(HasSubstr("what answers there holds no key of this cluster"),
                                  HasSubstr("Nothing was told to it"), HasSubstr("127.0.0.1:")));
}

TEST(TlsLink, AUsersKeyServesNoCluster) {
  KeyPlace place;
  place.add("mallory", KeyRole::client);
  const Server impostor(with(place.load("mallory")));
  ASSERT_TRUE(impostor.gate) << impostor.gate.error().text();
  const Error error = refused(impostor.port(), place.load("head"));
  EXPECT_THAT(error.text(), HasSubstr("a user's key, with which no cluster may be served"));
}

TEST(TlsLink, AnExpiredClusterIsRefusedByTheCommand) {
  const KeyPlace place(now() - 30 * kDay, 10);
  const Server server(with(place.load("head", now() - 25 * kDay)));
  ASSERT_TRUE(server.gate) << server.gate.error().text();
  const auto added = add_key(place.path, {.name = "alice", .role = KeyRole::client}, now());
  ASSERT_TRUE(added) << added.error().text();
  const Error error = refused(server.port(), place.load("alice"));
  EXPECT_THAT(error.text(), AllOf(HasSubstr("shows an expired key"), HasSubstr("--renew")));
}

TEST(TlsLink, ToAPlainClusterOrNobodySaysSo) {
  const KeyPlace place;
  const Server plain;
  const Error error = refused(plain.port(), place.load("head"));
  EXPECT_EQ(error.code, ErrorCode::not_connected);
  EXPECT_THAT(error.text(), HasSubstr("does not speak TLS"));
  const int port = [] { return Stranger().port(); }();
  const Error nobody = refused(port, place.load("head"));
  EXPECT_EQ(nobody.code, ErrorCode::not_connected);
  EXPECT_THAT(nobody.text(), HasSubstr("nothing answers there"));
  const auto unknown =
      ControlClient::connect({.host = "no-such-host.invalid", .port = 1, .keys = place.load("head")});
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().text(),
              HasSubstr("no-such-host.invalid:1: error: no address of that name is known"));
}

TEST(TlsLink, ToOneWhoSaysNothingGivesUp) {
  const KeyPlace place;
  const Stranger silent;
  const Error error = refused(silent.port(), place.load("head"), kSoon);
  EXPECT_EQ(error.code, ErrorCode::not_connected);
}

TEST(TlsLink, GoesOnWhenTheFilesAreGone) {
  KeyPlace place;
  place.add("alice", KeyRole::client);
  const auto head = place.load("head"), alice = place.load("alice");
  const Server server(with(head));
  std::filesystem::remove_all(place.path);
  const auto client = connect(server.port(), alice);
  ASSERT_TRUE(client) << client.error().text();
  EXPECT_TRUE(answers(**client));
}

TEST(TlsLink, ToAClusterThatWentAwayIsAnErrorAndNoHang) {
  const KeyPlace place;
  auto server = std::make_unique<Server>(with(place.load("head")));
  auto client = connect(server->port(), place.load("head"));
  ASSERT_TRUE(client) << client.error().text();
  server.reset();
  const auto reply = (*client)->request("jobs", {});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::not_connected);
}

TEST(ControlGate, OpensToOtherMachinesWithKeysAlone) {
  const Server bare(GateOptions{.address = "0.0.0.0"});
  ASSERT_FALSE(bare.gate);
  EXPECT_EQ(bare.gate.error().code, ErrorCode::bad_config);
  EXPECT_THAT(bare.gate.error().text(),
              HasSubstr("cluster.listen: error: other machines are let in with keys alone"));
  const KeyPlace place;
  const Server open(GateOptions{.address = "0.0.0.0", .keys = place.load("head")});
  ASSERT_TRUE(open.gate) << open.gate.error().text();
  const auto client =
      ControlClient::connect({.host = "127.0.0.2", .port = open.port(), .keys = place.load("head")});
  ASSERT_TRUE(client) << client.error().text();
  EXPECT_TRUE(answers(**client));
}

TEST(ControlGate, ListensOnIPv6Too) {
  const KeyPlace place;
  const Server server(GateOptions{.address = "::1", .keys = place.load("head")});
  ASSERT_TRUE(server.gate) << server.gate.error().text();
  const auto client =
      ControlClient::connect({.host = "::1", .port = server.port(), .keys = place.load("head")});
  ASSERT_TRUE(client) << client.error().text();
  EXPECT_TRUE(answers(**client));
  EXPECT_EQ(to_string(ControlAddress{.host = "::1", .port = 5}), "[::1]:5");
}

TEST(ControlGate, OnAnAddressOfAnotherMachineSaysSo) {
  const KeyPlace place;
  const Server server(GateOptions{.address = "192.0.2.1", .keys = place.load("head")});
  ASSERT_FALSE(server.gate);
  EXPECT_THAT(server.gate.error().text(),
              HasSubstr("cluster.listen: error: this machine has no such address (given 192.0.2.1"));
}

}  // namespace
}  // namespace troupe
