// Keys as they are made: nothing is overwritten, nothing is half done, nothing is out of its range.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <thread>

#include "tests/transport/key_folder.hpp"
#include "transport/keys.hpp"

namespace troupe {
namespace {

using test::kDay;
using test::KeyPlace;
using test::mode_of;
using test::now;
using test::TempFolder;
using test::text_of;
using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

TEST(InitKeys, NeverOverwritesSilently) {
  const KeyPlace place;
  const std::string before = text_of(place / "head.key");
  const auto again = init_keys(place.path, now());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().exit_code(), 2);
  EXPECT_THAT(again.error().text(), AllOf(HasSubstr("holds keys already"), HasSubstr("--force")));
  EXPECT_EQ(text_of(place / "head.key"), before);
  const auto forced = init_keys(place.path, now(), 30, true);
  ASSERT_TRUE(forced) << forced.error().text();
  EXPECT_NE(text_of(place / "head.key"), before);
  EXPECT_EQ(text_of(forced->replaced / "head.key"), before);
  EXPECT_EQ(mode_of(forced->replaced), 0700U);
  EXPECT_TRUE(load_keys(place.path, now()));
  EXPECT_TRUE(init_keys(place.path, now(), 30, true)) << "twice in one second";
}

TEST(InitKeys, MakesTheFolderPrivateHoweverItIsWritten) {
  const TempFolder outer;
  for (const char* name : {"plain", "slash/", "deep/er", "./dot"}) {
    const auto made = init_keys(outer.path() / name, now());
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_EQ(mode_of(outer.path() / name), 0700U) << name;
  }
  fs::create_directory(outer / "empty");
  ::chmod((outer / "empty").c_str(), 0777);
  ASSERT_TRUE(init_keys(outer / "empty", now()));
  EXPECT_EQ(mode_of(outer / "empty"), 0700U);
}

TEST(InitKeys, LeavesAFolderWithOtherThingsAlone) {
  const TempFolder folder;
  folder.write("letter.txt", "dear");
  for (const bool force : {false, true}) {
    const auto made = init_keys(folder.path(), now(), 30, force);
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().text(), AllOf(HasSubstr("other things than keys"), HasSubstr("letter.txt")));
  }
  EXPECT_FALSE(fs::exists(folder / "ca.key"));
  const auto plain = init_keys(folder / "letter.txt", now());
  ASSERT_FALSE(plain);
  EXPECT_THAT(plain.error().text(), HasSubstr("this is no folder"));
  const auto below = init_keys(folder / "letter.txt" / "keys", now());
  ASSERT_FALSE(below);
  EXPECT_EQ(below.error().code, ErrorCode::io);
}

TEST(InitKeys, AndAddKeepDaysAndNamesInTheirRange) {
  for (const int days : {0, -1, kMostKeyDays + 1}) {
    const TempFolder folder;
    const auto made = init_keys(folder / "k", now(), days);
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().text(), HasSubstr("allowed 1 … 3650"));
    EXPECT_FALSE(fs::exists(folder / "k"));
  }
  const KeyPlace place;
  for (const char* name : {"", "ca", "-x", "Alice", "a/b", "../x", "a.b", "a\n"}) {
    const auto made = add_key(place.path, {.name = name}, now());
    ASSERT_FALSE(made) << name;
    EXPECT_EQ(made.error().code, ErrorCode::bad_usage);
  }
  EXPECT_FALSE(add_key(place.path, {.name = std::string(41, 'a')}, now()));
  EXPECT_TRUE(add_key(place.path, {.name = std::string(40, 'a')}, now()));
}

TEST(AddKey, AnExistingNameIsOnlyRenewedWhenAsked) {
  KeyPlace place;
  place.add("alice", KeyRole::client, now(), 10);
  const auto old = place.load("alice");
  const auto again = add_key(place.path, {.name = "alice"}, now());
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().text(), AllOf(HasSubstr("has keys already"), HasSubstr("--renew")));
  const auto renewed = add_key(place.path, {.name = "alice", .days = 100, .renew = true}, now());
  ASSERT_TRUE(renewed) << renewed.error().text();
  const auto fresh = place.load("alice");
  EXPECT_EQ(fresh->card.role, KeyRole::client) << "a renewal keeps the role";
  EXPECT_NEAR(fresh->card.not_after, now() + 100 * kDay, 60);
  EXPECT_NE(fresh->card.fingerprint, old->card.fingerprint);
  EXPECT_NE(fresh->card.curve, old->card.curve);
  EXPECT_TRUE(fs::exists(renewed->replaced / "alice.key"));
  const auto nobody = add_key(place.path, {.name = "bob", .renew = true}, now());
  ASSERT_FALSE(nobody);
  EXPECT_THAT(nobody.error().text(), HasSubstr("no such name to renew"));
}

TEST(AddKey, ManyAtOnceAreAllListed) {
  const KeyPlace place;
  std::vector<std::thread> adders;
  for (int i = 0; i < 6; ++i) {
    adders.emplace_back([&place, i] {
      const auto made = add_key(place.path, {.name = std::string(1, static_cast<char>('m' + i))}, now());
      EXPECT_TRUE(made) << made.error().text();
    });
  }
  for (auto& adder : adders) adder.join();
  EXPECT_EQ(public_curve_keys(place.path).value().size(), 7U);
}

TEST(AddKey, ThatCannotBeFinishedLeavesTheOldOnes) {
  KeyPlace place;
  place.add("alice", KeyRole::client);
  const std::string before = text_of(place / "alice.key");
  fs::remove(place / "public.json");
  fs::create_directories(place / "public.json/in-the-way");
  const auto renewed = add_key(place.path, {.name = "alice", .renew = true}, now());
  ASSERT_FALSE(renewed);
  EXPECT_THAT(renewed.error().text(), HasSubstr("public.json: error: this is no plain file"));
  EXPECT_EQ(text_of(place / "alice.key"), before);
}

TEST(AddKey, WithoutTheAuthoritysKeySaysWhereToGo) {
  const KeyPlace place;
  fs::remove(place / "ca.key");
  const auto made = add_key(place.path, {.name = "alice"}, now());
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().text(), AllOf(HasSubstr("ca.key"), HasSubstr("where `troupe keys init` was run")));
}

TEST(AddKey, NeverOutlivesTheAuthority) {
  const double made = now() - 7000 * kDay;
  const KeyPlace place(made);
  const auto late = add_key(place.path, {.name = "alice", .days = 825}, now());
  ASSERT_FALSE(late);
  EXPECT_THAT(late.error().text(), AllOf(HasSubstr("authority itself ends"), HasSubstr("at most 299")));
  EXPECT_TRUE(add_key(place.path, {.name = "alice", .days = 200}, now()));
}

TEST(ListKeys, TellsOfEveryNameAndWhichCannotBeUsed) {
  KeyPlace place(now() - 30 * kDay);
  place.add("alice", KeyRole::client).add("old", KeyRole::node, now() - 20 * kDay, 10);
  place.outer.write("keys/torn.pem", "-----BEGIN");
  const auto list = list_keys(place.path, now());
  ASSERT_TRUE(list) << list.error().text();
  ASSERT_EQ(list->cards.size(), 4U);
  EXPECT_EQ(list->cards[0].name, "alice");
  EXPECT_EQ(list->cards[0].role, KeyRole::client);
  EXPECT_FALSE(list->cards[0].trouble);
  EXPECT_EQ(list->cards[2].name, "old");
  ASSERT_TRUE(list->cards[2].trouble);
  EXPECT_THAT(list->cards[2].trouble->text(), HasSubstr("expired since"));
  ASSERT_TRUE(list->cards[3].trouble);
  EXPECT_THAT(list->cards[3].trouble->text(), HasSubstr("no certificate in PEM"));
}

}  // namespace
}  // namespace troupe
