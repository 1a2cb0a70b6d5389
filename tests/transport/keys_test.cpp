// A folder of keys: what is taken, what is refused and in which words.
#include "transport/keys.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

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

}  // namespace
}  // namespace troupe
