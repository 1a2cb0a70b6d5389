// Who may come in as a node: it proves whose key it holds, each time anew.
#include "transport/join_desk.hpp"
#include "transport/key_list.hpp"

#include <gmock/gmock.h>

#include <caf/scoped_actor.hpp>

#include "tests/transport/key_folder.hpp"
#include "tests/transport/server.hpp"
#include "transport/control_door.hpp"
#include "transport/control_words.hpp"

namespace troupe {
namespace {

using test::kDay;
using test::KeyPlace;
using test::now;
using ::testing::HasSubstr;

const std::string kCard = R"({"name":"bob"})";

struct Desk : testing::Test {
  KeyPlace place{now() - 30 * kDay};
  std::shared_ptr<const Keys> head = place.load("head");
  JoinDesk desk{head};

  void SetUp() override { place.add("bob", KeyRole::node).add("alice", KeyRole::client); }
  std::string proof(const std::shared_ptr<const Keys>& keys, const std::string& card = kCard) {
    return prove_join(*keys, desk.challenge().value(), card).value();
  }
  std::string reason(const std::string& proof, const std::string& card = kCard) {
    const auto shown = desk.check(card, proof, now());
    return shown ? "let in as " + shown->name : shown.error().reason;
  }
};

TEST_F(Desk, ANodeProvesItsName) {
  const auto bob = place.load("bob");
  const auto shown = desk.check(kCard, proof(bob), now());
  ASSERT_TRUE(shown) << shown.error().error.text();
  EXPECT_EQ(shown->name, "bob");
  EXPECT_EQ(shown->role, KeyRole::node);
  EXPECT_TRUE(KeyList(place.path, bob->cluster).check(*shown, bob->card.curve, now()));
}

TEST_F(Desk, AProofIsGoodOnce) {
  const auto once = proof(place.load("bob"));
  EXPECT_EQ(reason(once), "let in as bob");
  EXPECT_EQ(reason(once), "join_replayed");
  JoinDesk next(head);  // of a head that was started again
  const auto shown = next.check(kCard, once, now());
  ASSERT_FALSE(shown);
  EXPECT_STREQ(shown.error().reason, "join_replayed");
}

TEST_F(Desk, AProofSpeaksForItsOwnWordsAlone) {
  EXPECT_EQ(reason(proof(place.load("bob")), R"({"name":"eve"})"), "join_unproven");
  auto mixed = std::make_shared<Keys>(*place.load("alice"));  // bob's certificate, and not his key
  mixed->certificate = place.load("bob")->certificate;
  EXPECT_EQ(reason(proof(mixed)), "join_unproven");
  mixed->cluster = "another";
  EXPECT_EQ(reason(proof(mixed)), "join_unproven");
}

TEST_F(Desk, KeysOfAnotherClusterOrAnotherTimeProveNothing) {
  KeyPlace other;
  other.add("bob", KeyRole::node);
  auto foreign = std::make_shared<Keys>(*other.load("bob"));
  foreign->cluster = head->cluster;
  EXPECT_EQ(reason(proof(foreign)), "join_unproven");
  place.add("old", KeyRole::node, now() - 20 * kDay, 10);
  EXPECT_EQ(reason(proof(place.load("old", now() - 15 * kDay))), "join_unproven");
}

TEST_F(Desk, WhatIsNoProofIsRefused) {
  for (const std::string text : {"", "{}", "[1", "{\"challenge\":7}", "null"})
    EXPECT_NE(reason(text), "let in as bob");
  EXPECT_EQ(reason(std::string(1 << 20, '[')), "join_unproven");
  EXPECT_EQ(reason("{}"), "join_replayed");
}

TEST_F(Desk, NobodyFillsItWithQuestions) {
  const auto first = proof(place.load("bob"));
  for (std::size_t i = 0; i < JoinDesk::kMost; ++i) ASSERT_TRUE(desk.challenge());
  EXPECT_EQ(reason(first), "join_replayed") << "the oldest made room";
}

TEST_F(Desk, TheListSaysWhoIsANode) {
  const auto listed = [&](const std::string& name, const std::string& curve) {
    const auto keys = place.load(name);
    const auto good =
        KeyList(place.path, keys->cluster).check(keys->card, curve.empty() ? keys->card.curve : curve, now());
    return good ? std::string() : good.error().text();
  };
  EXPECT_EQ(listed("bob", ""), "");
  EXPECT_THAT(listed("alice", ""), HasSubstr("has no node of that name with that key"));
  EXPECT_THAT(listed("bob", place.load("alice")->card.curve), HasSubstr("with that key"));
  const auto before = place.load("bob");
  ASSERT_TRUE(add_key(place.path, {.name = "bob", .renew = true}, now()));
  KeyList list(place.path, before->cluster);
  EXPECT_FALSE(list.check(before->card, place.load("bob")->card.curve, now()))
      << "a key that was renewed joins no more";
}

TEST_F(Desk, TheListIsReadWhenItChanged) {
  const auto file = place.path / "public.json";
  const auto age = [&](int hours) {
    std::filesystem::last_write_time(
        file, std::filesystem::file_time_type::clock::now() - std::chrono::hours(hours));
  };
  const auto bob = place.load("bob");
  KeyList list(place.path, bob->cluster);
  age(2);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(list.check(bob->card, bob->card.curve, now()));
  EXPECT_EQ(list.reads(), 1);
  const double before = now();
  ASSERT_TRUE(add_key(place.path, {.name = "bob", .renew = true}, now()));
  EXPECT_FALSE(list.check(bob->card, bob->card.curve, before)) << "renewed while the cluster runs";
  const auto renewed = place.load("bob");
  EXPECT_TRUE(list.check(renewed->card, renewed->card.curve, before));
  EXPECT_EQ(list.reads(), 3) << "what was written just now is read each time: it may be written once more";
  age(1);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(list.check(renewed->card, renewed->card.curve, now()));
  EXPECT_EQ(list.reads(), 4);
  std::filesystem::remove(file);
  EXPECT_FALSE(list.check(renewed->card, renewed->card.curve, now())) << "a list that is gone lets nobody in";
}

/// One at the gate, who says what a test wants it to say.
struct AtTheGate {
  SystemConfig config;
  caf::actor_system system{config};
  Result<ControlDoor> door;
  caf::scoped_actor self{system};

  AtTheGate(int port, std::shared_ptr<const Keys> keys)
      : door(open_control_door(system, {.port = port, .keys = std::move(keys)}, 20)) {}
  ~AtTheGate() {
    if (door) close_control_door(system, *door);
  }
  template <class... Words>
  std::string ask(const Words&... words) {
    std::string heard;
    self->request(door->gate, std::chrono::minutes(1), words...)
        .receive([&](const std::string& reply) { heard = reply; },
                 [&](caf::error& e) { heard = "no answer: " + system.render(e); });
    return heard;
  }
  std::string join(const std::string& card, const std::string& proof) {
    return ask(join_word::value, card, proof, caf::actor(self));
  }
};

TEST(JoinGate, ARecordedJoinLetsNobodyIn) {
  KeyPlace place;
  place.add("bob", KeyRole::node).add("alice", KeyRole::client);
  Server server(GateOptions{.keys = place.load("head")});
  ASSERT_TRUE(server.gate) << server.gate.error().text();
  std::string recorded;
  {
    AtTheGate bob(server.port(), place.load("bob"));
    ASSERT_TRUE(bob.door) << bob.door.error().text();
    const auto challenge = unwrap_reply(bob.ask(prove_word::value));
    ASSERT_TRUE(challenge) << challenge.error().text();
    recorded = prove_join(*place.load("bob"), challenge->get<std::string>(), kCard).value();
    EXPECT_THAT(bob.join(kCard, recorded), HasSubstr("let in: " + kCard));
    EXPECT_THAT(bob.join(kCard, recorded), HasSubstr("was sent before"));
  }
  AtTheGate alice(server.port(), place.load("alice"));  // with a valid key, after bob left
  ASSERT_TRUE(alice.door) << alice.door.error().text();
  EXPECT_THAT(alice.join(kCard, recorded), HasSubstr("was sent before"));
  EXPECT_EQ(server.refused->until("join_replayed", 2)["join_replayed"], 2);
  EXPECT_THAT(alice.join(kCard, ""), HasSubstr("no proof at all"));
  EXPECT_EQ(server.refused->until("join_unproven")["join_unproven"], 1);
}

}  // namespace
}  // namespace troupe
