// What a head says to a machine that wants in and does not fit.
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

#include "actors/wire.hpp"
#include "base/version.hpp"
#include "tests/actors/nodes.hpp"
#include "transport/control_door.hpp"
#include "transport/control_gate.hpp"

namespace troupe::toy {
namespace {

struct SystemConfig : caf::actor_system_config {
  SystemConfig() {
    set("scheduler.policy", caf::atom("sharing"));  // see actors/cluster.cpp
    load_transport(*this);
  }
};

class AtTheDoor : public ::testing::Test {
 protected:
  void SetUp() override {
    head_ = start(head_options(folder_ / "run", small(), 1));
    ASSERT_TRUE(head_);
    ControlAddress address;
    address.port = head_->port();
    auto door = open_control_door(system_, address, 10);
    ASSERT_TRUE(door) << door.error().text();
    door_ = std::move(*door);
    card_ = {"stranger",
             kVersion,
             7,
             2,
             mib(64),
             device_of(1).instruction_set,
             {"stranger", "tcp://127.0.0.1:9", ""}};
  }
  void TearDown() override { close_control_door(system_, door_); }

  /// What the head answers to a card's text.
  Result<nlohmann::json> knock(const std::string& text) {
    caf::scoped_actor self(system_);
    Result<nlohmann::json> answer;
    self->request(door_.gate, std::chrono::seconds(20), join_word::value, text, std::string(),
                  caf::actor(self))
        .receive([&](const std::string& reply) { answer = unwrap_reply(reply); },
                 [](caf::error&) { ADD_FAILURE() << "no answer"; });
    return answer;
  }
  Error refusal(const wire::Card& card) {
    const auto answer = knock(wire::to_json(card).dump());
    EXPECT_FALSE(answer);
    return answer ? Error{} : answer.error();
  }

  TempFolder folder_;
  SystemConfig config_;
  caf::actor_system system_{config_};
  std::unique_ptr<Cluster> head_;
  ControlDoor door_;
  wire::Card card_;
};

TEST_F(AtTheDoor, AnotherVersionIsToldBoth) {
  card_.version = "0.0.9";
  const Error error = refusal(card_);
  EXPECT_EQ(error.code, ErrorCode::wrong_version);
  EXPECT_EQ(error.given, "0.0.9");
  EXPECT_EQ(error.allowed, kVersion);
}

TEST_F(AtTheDoor, AProcessorOfOtherBitsIsNamed) {
  card_.instruction_set = "abacus";
  const Error error = refusal(card_);
  EXPECT_EQ(error.given, "abacus");
  EXPECT_EQ(error.allowed, device_of(1).instruction_set);
}

TEST_F(AtTheDoor, TheHeadsOwnNameAndSizesWithoutSenseAreRefused) {
  auto named = card_;
  named.name = named.plane.name = "head";
  EXPECT_EQ(refusal(named).given, "head");
  for (const auto& [cores, bytes] :
       {std::pair{0, mib(1)}, std::pair{-3, mib(1)}, std::pair{1, Bytes{0}}, std::pair{1 << 30, mib(1)}}) {
    auto sized = card_;
    sized.cores = cores;
    sized.memory = bytes;
    EXPECT_NE(refusal(sized).what.find("makes no sense"), std::string::npos) << cores;
  }
  auto other = card_;
  other.plane.name = "somebody";
  EXPECT_EQ(refusal(other).given, "somebody");
}

TEST_F(AtTheDoor, GpusWithoutSenseAreRefusedWithTheirCard) {
  const GpuDevice good{"gpu0", "Fake", 132, 8, 16, gib(70), {}};
  const auto refused_with = [&](const std::vector<GpuDevice>& gpus) {
    auto card = card_;
    card.gpus = gpus;
    return refusal(card).what;
  };
  const auto changed = [&](auto change) {
    GpuDevice gpu = good;
    change(gpu);
    return refused_with({gpu});
  };
  for (const std::string name :
       {"", "GPU 0", "gpu:0", "../gpu0", "gpu\n", "a-name-that-is-longer-than-thirty-two"})
    EXPECT_NE(changed([&](auto& g) { g.name = name; }).find("a GPU's name"), std::string::npos) << name;
  for (const std::string& model : {std::string(), std::string("a\nb"), std::string(129, 'm')})
    EXPECT_NE(changed([&](auto& g) { g.model = model; }).find("model of a GPU"), std::string::npos) << model;
  const std::string size = "of that size makes no sense";
  EXPECT_NE(changed([](auto& g) { g.pieces = 0; }).find(size), std::string::npos);
  EXPECT_NE(changed([](auto& g) { g.pieces = -1; }).find(size), std::string::npos);
  EXPECT_NE(changed([](auto& g) { g.pieces = 17; }).find(size), std::string::npos) << "more than its SMs";
  EXPECT_NE(changed([](auto& g) { g.sms_a_piece = 0; }).find(size), std::string::npos);
  EXPECT_NE(changed([](auto& g) { g.sms = 1U << 31; }).find(size), std::string::npos);
  EXPECT_NE(changed([](auto& g) { g.memory = Bytes{0}; }).find(size), std::string::npos);
  EXPECT_NE(refused_with({good, good}).find("a GPU's name"), std::string::npos) << "twice";
  EXPECT_NE(refused_with(std::vector(65, good)).find("not so many GPUs"), std::string::npos);
  auto text = wire::to_json(card_);
  for (const auto& gpus : {nlohmann::json("many"), nlohmann::json({1}), nlohmann::json({{{"name", "gpu0"}}}),
                           nlohmann::json({{{"name", "gpu0"},
                                            {"model", "m"},
                                            {"sms", -1},
                                            {"sms_a_piece", 8},
                                            {"pieces", 1},
                                            {"memory", 1}}})}) {
    text["gpus"] = gpus;
    EXPECT_FALSE(knock(text.dump())) << gpus;
  }
  auto colon = card_;
  colon.name = colon.plane.name = "head:gpu0";
  EXPECT_NE(refusal(colon).what.find("no colon"), std::string::npos);
  EXPECT_EQ(ask(*head_, "status")["gpus"].size(), 0U);
}

TEST_F(AtTheDoor, TextThatIsNoCardIsRefusedAndTheHeadGoesOn) {
  for (const std::string text :
       {"", "{", "[]", "null", R"({"name": 3})", R"({"name": "a", "cores": "many"})"})
    EXPECT_FALSE(knock(text)) << text;
  EXPECT_FALSE(knock(std::string(100'000, '['))) << "nested deeply";
  EXPECT_EQ(ask(*head_, "nodes", nlohmann::json::object()).size(), 1U);
}

}  // namespace
}  // namespace troupe::toy
