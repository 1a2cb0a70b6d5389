// The link between a command and a cluster: who answers there, of which version, and what is said if nobody
// does.
#include "transport/control_link.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <caf/all.hpp>
#include <thread>

#include "base/version.hpp"
#include "transport/control_gate.hpp"

namespace troupe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr double kSoon = 0.3;  // seconds a client waits for one that will never speak

struct SystemConfig : caf::actor_system_config {
  SystemConfig() { load_transport(*this); }
};

/// What stands behind a cluster's gate: says what it was asked, refuses "fail", answers nonsense to "rave".
caf::behavior target() {
  return {[](const std::string& verb, const std::string& arguments) -> std::string {
    if (verb == "rave") return "no JSON at all";
    if (verb == "fail")
      return nlohmann::json{
          {"error", error_to_json({ErrorCode::not_found, "no such job", "job gam", "gam", "gan", "look"})}}
          .dump();
    return nlohmann::json{{"ok", {{"verb", verb}, {"arguments", nlohmann::json::parse(arguments)}}}}.dump();
  }};
}

/// A cluster's end in this process.
struct Server {
  SystemConfig config;
  caf::actor_system system{config};
  caf::actor behind = system.spawn(target);
  Result<ControlGate> gate = fail({});
  explicit Server(int port = 0, const std::string& version = kVersion)
      : gate(open_control_gate(system, port, behind, version)) {}
  ~Server() {
    if (gate) close_control_gate(system, *gate);
    caf::anon_send_exit(behind, caf::exit_reason::user_shutdown);
    gate = fail({});
  }
  int port() const { return gate->port; }
};

/// A socket that listens on loopback and is no troupe: takes one connection and says `greeting`.
class Stranger {
 public:
  explicit Stranger(std::string greeting = "") {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd_, 8) != 0 ||
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      ADD_FAILURE() << "no port on loopback";
    port_ = ntohs(address.sin_port);
    if (greeting.empty()) return;
    speaker_ = std::thread([this, greeting] {
      const int other = ::accept(fd_, nullptr, nullptr);
      (void)!::write(other, greeting.data(), greeting.size());
      ::close(other);
    });
  }
  ~Stranger() {
    ::shutdown(fd_, SHUT_RDWR);
    if (speaker_.joinable()) speaker_.join();
    ::close(fd_);
  }
  int port() const { return port_; }

 private:
  int fd_ = -1, port_ = 0;
  std::thread speaker_;
};

TEST(ControlLink, CarriesQuestionsAndAnswers) {
  const Server server;
  ASSERT_TRUE(server.gate) << server.gate.error().text();
  auto client = ControlClient::connect(server.port());
  ASSERT_TRUE(client) << client.error().text();
  const auto reply = (*client)->request("show", {{"job", "gan"}});
  ASSERT_TRUE(reply) << reply.error().text();
  EXPECT_EQ(*reply, (nlohmann::json{{"verb", "show"}, {"arguments", {{"job", "gan"}}}}));
}

TEST(ControlLink, CarriesErrorsWhole) {
  const Server server;
  auto client = ControlClient::connect(server.port());
  ASSERT_TRUE(client) << client.error().text();
  const auto refused = (*client)->request("fail", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::not_found);
  EXPECT_EQ(refused.error().text(), "job gam: error: no such job (given gam; allowed gan). look");
  const auto raving = (*client)->request("rave", {});
  ASSERT_FALSE(raving);
  EXPECT_EQ(raving.error().code, ErrorCode::wrong_version);
  EXPECT_THAT(raving.error().text(), HasSubstr("no JSON at all"));
}

TEST(ControlLink, ToNobodySaysSoWithThePort) {
  const int port = [] { return Stranger().port(); }();  // free again by now
  const auto client = ControlClient::connect(port);
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::not_connected);
  EXPECT_THAT(client.error().text(), AllOf(HasSubstr("127.0.0.1:" + std::to_string(port)),
                                           HasSubstr("no cluster answers"), HasSubstr("troupe up")));
}

TEST(ControlLink, ToAStrangerGivesUp) {
  const Stranger silent, rude("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  for (const auto* stranger : {&silent, &rude}) {
    const auto client = ControlClient::connect(stranger->port(), kSoon);
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().code, ErrorCode::not_connected);
    EXPECT_EQ(client.error().exit_code(), 1);
  }
}

TEST(ControlLink, ToAPortThatIsNoneIsWrongUse) {
  for (const int port : {0, -1, 65536}) {
    const auto client = ControlClient::connect(port);
    ASSERT_FALSE(client);
    EXPECT_EQ(client.error().code, ErrorCode::bad_usage);
  }
}

TEST(ControlLink, ToAnotherVersionNamesBoth) {
  const Server server(0, "99.1.2");
  ASSERT_TRUE(server.gate) << server.gate.error().text();
  const auto client = ControlClient::connect(server.port());
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, ErrorCode::wrong_version);
  EXPECT_THAT(client.error().text(), HasSubstr(std::string("(given 99.1.2; allowed ") + kVersion + ")"));
}

TEST(ControlLink, ToAClusterThatWentAwayIsAnErrorAndNoHang) {
  auto server = std::make_unique<Server>();
  auto client = ControlClient::connect(server->port());
  ASSERT_TRUE(client) << client.error().text();
  server.reset();
  const auto reply = (*client)->request("jobs", {});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::not_connected);
}

TEST(ControlGate, OnAPortInUseIsTheConfigurationsFault) {
  const Server first;
  ASSERT_TRUE(first.gate) << first.gate.error().text();
  const Server second(first.port());
  ASSERT_FALSE(second.gate);
  EXPECT_EQ(second.gate.error().code, ErrorCode::bad_config);
  EXPECT_THAT(second.gate.error().text(),
              HasSubstr("cluster.port: error: the port is in use (given " + std::to_string(first.port())));
  const Stranger stranger;
  const Server third(stranger.port());
  ASSERT_FALSE(third.gate);
  EXPECT_THAT(third.gate.error().text(), HasSubstr("the port is in use"));
}

}  // namespace
}  // namespace troupe
