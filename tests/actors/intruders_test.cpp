// A cluster with keys, and those who hold one and mean harm: what they say is answered in words, and nodes
// stay who they are.
#include <gmock/gmock.h>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include "actors/wire.hpp"
#include "tests/actors/nodes.hpp"
#include "tests/transport/key_folder.hpp"
#include "transport/control_door.hpp"
#include "transport/control_gate.hpp"
#include "transport/control_words.hpp"
#include "transport/join_desk.hpp"

namespace troupe::toy {
namespace {

using test::KeyPlace;
using ::testing::HasSubstr;

struct SystemConfig : caf::actor_system_config {
  SystemConfig() { load_transport(*this); }
};

/// A locked head, and one inside who says what a test wants.
struct Inside : testing::Test {
  KeyPlace place;
  TempFolder folder;
  std::unique_ptr<Cluster> head;

  void SetUp() override {
    place.add("a", KeyRole::node).add("b", KeyRole::node).add("alice", KeyRole::client);
    auto options = head_options(folder / "run", small(), 1);
    options.config.cluster.unencrypted = false;
    options.config.cluster.keys = place.path;
    head = start(std::move(options));
    ASSERT_TRUE(head);
  }
  void TearDown() override {
    const auto status = head->request("status", nlohmann::json::object());
    EXPECT_TRUE(status) << status.error().text();
  }
  std::unique_ptr<NodeProcess> node_called(const std::string& name, const std::string& keys) {
    NodeProcessOptions o;
    o.cluster = "troupe";
    o.node.name = name;
    o.head.port = head->port();
    o.head.keys = place.load(keys);
    o.runs = folder / name;
    o.device = device_of(1);
    o.say = [](const std::string&) {};
    o.log = quiet_log();
    auto started = NodeProcess::start(std::move(o));
    EXPECT_TRUE(started) << started.error().text();
    return started ? std::move(*started) : nullptr;
  }
  std::string state_of(const std::string& name) {
    const auto nodes = head->request("nodes", nlohmann::json::object());
    for (const auto& node : *nodes)
      if (node["name"] == name) return node["state"];
    return "";
  }
};

class Voice {
 public:
  Voice(int port, std::shared_ptr<const Keys> keys)
      : door_(open_control_door(system_, {.port = port, .keys = std::move(keys)}, 20)) {
    EXPECT_TRUE(door_) << door_.error().text();
  }
  ~Voice() {
    if (door_) close_control_door(system_, *door_);
  }
  template <class... Words>
  Result<nlohmann::json> say(const Words&... words) {
    std::string heard;
    caf::scoped_actor self(system_);
    self->request(door_->gate, std::chrono::minutes(1), words...)
        .receive([&](const std::string& reply) { heard = reply; },
                 [&](caf::error& e) { heard = "no answer: " + system_.render(e); });
    return unwrap_reply(heard);
  }
  Result<nlohmann::json> join(const std::string& card, const std::string& proof) {
    caf::scoped_actor agent(system_);
    return say(join_word::value, card, proof, caf::actor(agent));
  }

 private:
  SystemConfig config_;
  caf::actor_system system_{config_};
  Result<ControlDoor> door_;
};

TEST_F(Inside, WhateverAHolderOfAKeySaysIsAnsweredInWords) {
  Voice alice(head->port(), place.load("alice"));
  const std::string deep(1 << 20, '['), objects = [] {
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += R"({"job":)";
    return text;
  }();
  const std::string closed = deep + std::string(deep.size(), ']');
  const std::vector<std::string> texts = {"",
                                          "{",
                                          "null",
                                          "[]",
                                          deep,
                                          closed,
                                          objects,
                                          R"({"job":)" + closed + "}",
                                          R"({"toml":)" + closed + "}",
                                          R"({"toml":"a = )" + closed + R"("})",
                                          std::string("\xff\xfe\0{", 4),
                                          R"({"job":{"x":1},"cores":1e999})",
                                          R"({"bytes":-1})",
                                          R"({"bytes":1e300,"limit":1e300,"after":1e300})",
                                          R"({"limit":-9223372036854775808,"after":"x"})",
                                          R"({"job":")" + std::string(4 << 20, 'x') + "\"}"};
  for (const std::string verb :
       {"status", "show", "submit", "resize", "stop", "events", "echo", "drain", "no-verb"})
    for (const auto& text : texts) {
      const auto reply = alice.say(ask_word::value, verb, text);
      if (reply) continue;  // e.g. "status", which asks for nothing
      EXPECT_FALSE(reply.error().what.empty());
      EXPECT_NE(reply.error().code, ErrorCode::internal)
          << verb << " " << text.substr(0, 60) << reply.error().text();
      EXPECT_NE(reply.error().code, ErrorCode::wrong_version)
          << verb << " " << text.substr(0, 60) << reply.error().text();
    }
}

TEST_F(Inside, ACardThatMakesNoSenseIsRefused) {
  const auto keys = place.load("a");
  Voice a(head->port(), keys);
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  for (const std::string& card : {std::string("{}"), deep, R"({"name":)" + deep + "}", std::string("{"),
                                  std::string(R"({"name":"a","cores":1e300,"memory":-1})")}) {
    const auto challenge = a.say(prove_word::value);
    ASSERT_TRUE(challenge) << challenge.error().text();
    const auto reply = a.join(card, prove_join(*keys, challenge->get<std::string>(), card).value());
    EXPECT_FALSE(reply);
  }
  EXPECT_EQ(state_of("a"), "");
}

TEST_F(Inside, ANodesNameIsItsKeysName) {
  const auto honest = node_called("a", "a");
  ASSERT_TRUE(honest);
  const auto joined = honest->join();
  ASSERT_TRUE(joined) << joined.error().text();
  const auto thief = node_called("b", "a");  // with a key of the cluster, but another's
  ASSERT_TRUE(thief);
  const auto refused = thief->join();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(), HasSubstr("a node has the name that its key has"));
  const auto user = node_called("a", "alice");
  const auto claimed = user->join();
  ASSERT_FALSE(claimed);
  EXPECT_EQ(state_of("a"), "up");
  EXPECT_EQ(state_of("b"), "");
}

TEST_F(Inside, ALiveNodesNameIsNotToBeHad) {
  auto first = node_called("a", "a");
  ASSERT_TRUE(first && first->join());
  const auto second = node_called("a", "a");
  ASSERT_TRUE(second);
  const auto refused = second->join();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(), HasSubstr("another process is this node already, and answers"));
  EXPECT_EQ(state_of("a"), "up");
  EXPECT_TRUE(first->joined());
  first.reset();
  Result<void> again;
  do {
    again = second->join();
  } while (!again && again.error().code == ErrorCode::bad_usage);  // until the head has seen the first one go
  EXPECT_TRUE(again) << again.error().text();
  EXPECT_EQ(state_of("a"), "up");
}

TEST_F(Inside, AJoinSentAgainByAnotherChangesNothing) {
  const auto keys = place.load("a");
  const std::string card = wire::to_json(wire::Card{"a",
                                                    kVersion,
                                                    7,
                                                    1,
                                                    mib(100),
                                                    device_of(1).instruction_set,
                                                    {"a", "tcp://127.0.0.1:1", keys->card.curve}})
                               .dump();
  Voice alice(head->port(), place.load("alice"));
  std::string proof;
  {
    Voice a(head->port(), keys);
    proof = prove_join(*keys, a.say(prove_word::value)->get<std::string>(), card).value();
    const auto welcome = a.join(card, proof);
    ASSERT_TRUE(welcome) << welcome.error().text();
    const auto again = alice.join(card, proof);
    ASSERT_FALSE(again);
    EXPECT_THAT(again.error().text(), HasSubstr("was sent before"));
  }
  while (state_of("a") == "up") std::this_thread::sleep_for(std::chrono::milliseconds(5));  // it left
  EXPECT_FALSE(alice.join(card, proof));
  EXPECT_EQ(state_of("a"), "lost");
}

}  // namespace
}  // namespace troupe::toy
