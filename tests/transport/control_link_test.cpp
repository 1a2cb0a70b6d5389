// The link between a command and a cluster: who answers there, of which version, and what is said if nobody
// does.
#include "transport/control_link.hpp"

#include <gmock/gmock.h>

#include "tests/transport/server.hpp"

namespace troupe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

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
