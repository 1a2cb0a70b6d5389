// A folder of keys: what is made, what is taken, what is refused and in which words.
#include "transport/keys.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <thread>

#include "tests/transport/key_folder.hpp"

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
using ::testing::Not;
namespace fs = std::filesystem;

/// The text of the error with which the keys of `folder` are refused; checks that it is the configuration's
/// fault.
std::string refused(const fs::path& folder, const std::string& name = "", double at = now()) {
  const auto keys = load_keys(folder, at, name);
  if (keys) return "nothing refused";
  EXPECT_EQ(keys.error().exit_code(), 2) << keys.error().text();
  return keys.error().text();
}

TEST(Keys, AreMadeForTheHeadAndLoadAgain) {
  const KeyPlace place;
  const auto keys = load_keys(place.path, now());
  ASSERT_TRUE(keys) << keys.error().text();
  EXPECT_EQ((*keys)->card.name, "head");
  EXPECT_EQ((*keys)->card.role, KeyRole::node);
  EXPECT_EQ((*keys)->cluster.size(), 32U);
  EXPECT_EQ((*keys)->card.fingerprint.size(), 95U);
  EXPECT_EQ((*keys)->card.curve.size(), 40U);
  EXPECT_EQ((*keys)->curve_secret.reveal().size(), 40U);
  EXPECT_NEAR((*keys)->card.not_after, now() + 825 * kDay, 60);
}

TEST(Keys, PrivateFilesAreTheOwnersAlone) {
  const mode_t before = ::umask(0);
  KeyPlace place;
  place.add("alice", KeyRole::client);
  ::umask(before);
  EXPECT_EQ(mode_of(place.path), 0700U);
  for (const char* file : {"ca.key", "head.key", "head.curve", "alice.key", "alice.curve"})
    EXPECT_EQ(mode_of(place / file), 0600U) << file;
  for (const auto& entry : fs::directory_iterator(place.path))
    EXPECT_FALSE(entry.path().filename().string().starts_with(".")) << entry.path() << " was left over";
}

TEST(Keys, ThatOthersMayReadAreRefusedWithTheCommandThatHelps) {
  const KeyPlace place;
  for (const char* file : {"head.key", "head.curve"}) {
    for (const mode_t mode : {0640, 0604, 0620, 0644}) {
      ::chmod((place / file).c_str(), mode);
      EXPECT_THAT(refused(place.path),
                  AllOf(HasSubstr("others may read or write this private file"),
                        HasSubstr("chmod 600 " + (place / file).string()), HasSubstr("allowed mode 0600")));
    }
    ::chmod((place / file).c_str(), 0600);
  }
  ::chmod(place.path.c_str(), 0777);
  EXPECT_THAT(refused(place.path), HasSubstr("chmod 700 " + place.path.string()));
  ::chmod(place.path.c_str(), 0755);
  EXPECT_TRUE(load_keys(place.path, now()));
}

TEST(Keys, ThatSignAreNotReadableByOthersEither) {
  const KeyPlace place;
  ::chmod((place / "ca.key").c_str(), 0644);
  const auto added = add_key(place.path, {.name = "alice"}, now());
  ASSERT_FALSE(added);
  EXPECT_THAT(added.error().text(), HasSubstr("chmod 600"));
  EXPECT_FALSE(fs::exists(place / "alice.key"));
}

TEST(Keys, OfANameHaveItsRoleAndTheirOwnCurveKey) {
  KeyPlace place;
  place.add("alice", KeyRole::client).add("bob", KeyRole::node);
  EXPECT_EQ(place.load("alice")->card.role, KeyRole::client);
  EXPECT_EQ(place.load("bob")->card.role, KeyRole::node);
  const auto open = public_curve_keys(place.path);
  ASSERT_TRUE(open) << open.error().text();
  ASSERT_EQ(open->size(), 3U);
  EXPECT_EQ(open->at("alice"), place.load("alice")->card.curve);
  EXPECT_NE(open->at("alice"), open->at("bob"));
}

TEST(Keys, ThePublicListHoldsNoSecret) {
  const KeyPlace place;
  const auto keys = place.load("head");
  const std::string list = text_of(place / "public.json");
  EXPECT_THAT(list, HasSubstr(keys->card.curve));
  EXPECT_THAT(list, Not(HasSubstr(keys->curve_secret.reveal())));
  EXPECT_THAT(list, Not(HasSubstr("PRIVATE")));
}

TEST(Keys, OfAUserLoadWithoutTheAuthoritysKeyAndWithoutAName) {
  KeyPlace place;
  place.add("alice", KeyRole::client);
  const TempFolder elsewhere;
  for (const char* file : {"ca.pem", "alice.pem", "alice.key", "alice.curve"})
    fs::copy(place / file, elsewhere / file);
  const auto keys = load_keys(elsewhere.path(), now());
  ASSERT_TRUE(keys) << keys.error().text();
  EXPECT_EQ((*keys)->card.name, "alice");
  fs::copy(place / "head.key", elsewhere / "bob.key");
  EXPECT_THAT(refused(elsewhere.path()), HasSubstr("several names, and none is \"head\" (given alice, bob)"));
}

TEST(Keys, OutOfTheirTimeSaySinceWhen) {
  const double made = 1767225600;  // 2026-01-01 00:00:00 UTC
  const KeyPlace place(made, 10);
  EXPECT_TRUE(load_keys(place.path, made + 9 * kDay));
  EXPECT_THAT(refused(place.path, "", made + 11 * kDay),
              AllOf(HasSubstr("expired since 2026-01-11 00:00:00 UTC"),
                    HasSubstr("troupe keys add DIR head --renew"), HasSubstr("head.pem")));
  EXPECT_THAT(refused(place.path, "", made - kDay),
              AllOf(HasSubstr("not valid before 2025-12-31 23:00:00 UTC"), HasSubstr("clock")));
  EXPECT_TRUE(load_keys(place.path, made - 1800)) << "clocks differ a little";
}

TEST(Keys, OfAnotherClusterAreRefusedWithBothNames) {
  const KeyPlace ours, theirs;
  fs::copy(theirs / "ca.pem", ours / "ca.pem", fs::copy_options::overwrite_existing);
  EXPECT_THAT(refused(ours.path),
              HasSubstr("public.json: error: this is no list of this cluster's public keys"));
  fs::remove(ours / "public.json");
  EXPECT_THAT(refused(ours.path),
              AllOf(HasSubstr("of another cluster"), HasSubstr(theirs.load("head")->cluster)));
}

TEST(Keys, MustBelongToTheirCertificate) {
  KeyPlace place;
  place.add("alice", KeyRole::client);
  fs::copy(place / "alice.key", place / "head.key", fs::copy_options::overwrite_existing);
  EXPECT_THAT(refused(place.path),
              HasSubstr("this private key does not belong to the certificate beside it"));
  fs::copy(place / "alice.pem", place / "head.pem", fs::copy_options::overwrite_existing);
  EXPECT_THAT(refused(place.path), HasSubstr("another name's (given alice; allowed head)"));
}

TEST(Keys, ACurveKeyMustBeTheOneThatOthersWereTold) {
  KeyPlace place;
  place.add("alice", KeyRole::client);
  fs::copy(place / "alice.curve", place / "head.curve", fs::copy_options::overwrite_existing);
  EXPECT_THAT(refused(place.path), HasSubstr("not the one that public.json tells of"));
}

TEST(Keys, BrokenFilesAreRefusedInWordsAndNeverShown) {
  for (const char* file : {"ca.pem", "head.pem", "head.key", "head.curve", "public.json"}) {
    const KeyPlace place;
    const std::string whole = text_of(place / file);
    for (const std::string& text :
         {std::string(), whole.substr(0, whole.size() / 2), std::string(3000, 'A'),
          std::string("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
          std::string("\0\xff\x80 nothing", 10), std::string(2 << 20, 'x')}) {
      std::ofstream(place / file, std::ios::binary | std::ios::trunc) << text;
      const std::string words = refused(place.path);
      EXPECT_THAT(words, HasSubstr(file)) << text.size() << " bytes";
      if (whole.size() > 60) {
        EXPECT_THAT(words, Not(HasSubstr(whole.substr(whole.size() / 3, 30))));
      }
      EXPECT_LT(words.size(), 500U);
    }
    std::ofstream(place / file, std::ios::binary | std::ios::trunc) << whole;
    EXPECT_TRUE(load_keys(place.path, now())) << file;
    fs::remove(place / file);
    EXPECT_EQ(refused(place.path) == "nothing refused", std::string(file) == "public.json") << file;
  }
}

TEST(Keys, APrivateKeyWithAPasswordIsRefusedAndNobodyIsAsked) {
  const KeyPlace place;
  const std::string file = (place / "head.key").string();
  const std::string line = "openssl pkcs8 -topk8 -in '" + file + "' -out '" + file +
                           ".new' -passout pass:x 2>&1 && mv '" + file + ".new' '" + file + "'";
  ASSERT_EQ(std::system(line.c_str()), 0);
  ::chmod(file.c_str(), 0600);
  EXPECT_THAT(refused(place.path), HasSubstr("no private key in PEM without a password"));
}

TEST(Keys, WhatIsNoFolderOfKeysIsRefused) {
  const TempFolder empty;
  EXPECT_THAT(refused(empty.path()), HasSubstr("ca.pem: error: there is no such file"));
  EXPECT_THAT(refused(empty / "nowhere"),
              AllOf(HasSubstr("no such folder of keys"), HasSubstr("troupe keys init")));
  EXPECT_THAT(refused(empty.write("plain", "x")), HasSubstr("no folder of keys"));
  const KeyPlace place;
  fs::remove(place / "head.key");
  ASSERT_EQ(::mkfifo((place / "head.key").c_str(), 0600), 0);
  EXPECT_THAT(refused(place.path, "head"), HasSubstr("no plain file"));
}

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
      const auto made = add_key(place.path, {.name = "n" + std::to_string(i)}, now());
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
