#include "train/checkpoint.hpp"

#include <gmock/gmock.h>

#include "tests/train/checkpoint_fixture.hpp"
#include "train/manifest.hpp"

namespace troupe {
namespace {
using test::kNames;
using test::listing;
using test::save;
using test::slurp;
using test::spill;
using testing::ElementsAre;
using testing::HasSubstr;

class Checkpoint : public test::Checkpoints {
 protected:
  void SetUp() override {
    CheckpointStore store(dir(), 3);
    for (const int step : {100, 200, 300}) {
      const auto saved = save(store, step);
      ASSERT_TRUE(saved) << saved.error().text();
    }
  }
  /// latest() must fall back to 200 and say this about 300.
  void expect_fallback(const std::string& says) {
    const auto found = CheckpointStore(dir(), 3).latest();
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_EQ(found->manifest.step, 200);
    EXPECT_EQ(found->dir, at(200, "").parent_path());
    ASSERT_EQ(found->skipped.size(), 1u);
    EXPECT_THAT(found->skipped[0].text(), HasSubstr(says));
    EXPECT_THAT(found->skipped[0].where, HasSubstr("step-000000300"));
  }
};

TEST_F(Checkpoint, the_newest_is_found_with_all_it_was_given) {
  const auto found = CheckpointStore(dir(), 3).latest();
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->dir, dir() / "step-000000300");
  EXPECT_TRUE(found->skipped.empty());
  const auto& m = found->manifest;
  EXPECT_EQ(m.step, 300);
  EXPECT_EQ(m.job, "gan");
  EXPECT_EQ(m.kind, "gan");
  EXPECT_EQ(m.version, "0.1.0");
  EXPECT_EQ(m.phase, "8x8");
  EXPECT_EQ(m.config_hash, 0xfedcba9876543210u);
  EXPECT_EQ(m.unix_time, 1234.5);
  ASSERT_EQ(m.files.size(), 2u);
  EXPECT_EQ(m.files[0].name, kNames[0]);
  EXPECT_EQ(static_cast<std::size_t>(m.files[0].bytes), slurp(at(300, kNames[0])).size());
  EXPECT_THAT(listing(found->dir), ElementsAre(kNames[1], kNames[0], "manifest.json"));
}

TEST_F(Checkpoint, only_the_last_ones_are_kept) {
  CheckpointStore store(dir(), 2);
  ASSERT_TRUE(save(store, 400));
  EXPECT_THAT(listing(dir()), ElementsAre("step-000000300", "step-000000400"));
  CheckpointStore one(dir(), 0);  // at least one is always kept
  ASSERT_TRUE(save(one, 500));
  EXPECT_THAT(listing(dir()), ElementsAre("step-000000500"));
}

TEST_F(Checkpoint, a_damaged_one_never_pushes_a_whole_one_out) {
  spill(at(300, kNames[0]), "short");
  CheckpointStore store(dir(), 2);
  ASSERT_TRUE(save(store, 400));
  EXPECT_THAT(listing(dir()), ElementsAre("step-000000200", "step-000000300", "step-000000400"));
  ASSERT_TRUE(save(store, 500));
  EXPECT_THAT(listing(dir()), ElementsAre("step-000000400", "step-000000500"));
}

TEST_F(Checkpoint, what_was_just_committed_stays_beside_damaged_newer_ones) {
  spill(at(300, kNames[0]), std::string(slurp(at(300, kNames[0])).size(), 'x'));
  CheckpointStore store(dir(), 1);
  ASSERT_TRUE(save(store, 250));
  const auto found = store.latest();
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->manifest.step, 250);
}

TEST_F(Checkpoint, a_truncated_file_is_skipped) {
  const auto whole = slurp(at(300, kNames[1]));
  spill(at(300, kNames[1]), whole.substr(0, whole.size() - 1));
  expect_fallback("truncated");
}

TEST_F(Checkpoint, an_altered_byte_is_skipped) {
  auto bytes = slurp(at(300, kNames[1]));
  bytes[bytes.size() / 2] ^= 1;
  spill(at(300, kNames[1]), bytes);
  expect_fallback("altered");
}

TEST_F(Checkpoint, a_missing_file_is_skipped) {
  std::filesystem::remove(at(300, kNames[0]));
  expect_fallback("missing");
}

TEST_F(Checkpoint, a_folder_in_a_files_place_is_skipped) {
  std::filesystem::remove(at(300, kNames[0]));
  std::filesystem::create_directory(at(300, kNames[0]));
  expect_fallback("missing");
}

TEST_F(Checkpoint, an_unreadable_file_is_skipped) {
  // a link to itself cannot be opened, not even by root
  std::filesystem::remove(at(300, kNames[0]));
  std::filesystem::create_symlink(kNames[0], at(300, kNames[0]));
  expect_fallback("missing");
}

TEST_F(Checkpoint, a_missing_manifest_is_skipped) {
  std::filesystem::remove(at(300, kManifestName));
  expect_fallback("manifest is missing");
}

TEST_F(Checkpoint, every_changed_digit_of_the_manifest_is_noticed) {
  const auto whole = slurp(at(300, kManifestName));
  int changed = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (whole[i] < '0' || whole[i] > '8') continue;
    auto broken = whole;
    ++broken[i], ++changed;
    EXPECT_FALSE(parse_manifest(broken, "manifest.json").has_value()) << broken.substr(i);
  }
  EXPECT_GT(changed, 20);
  spill(at(300, kManifestName), whole.substr(0, whole.size() / 2));
  expect_fallback("no valid JSON");
}

TEST_F(Checkpoint, the_manifest_of_another_step_is_skipped) {
  std::filesystem::copy_file(at(100, kManifestName), at(300, kManifestName),
                             std::filesystem::copy_options::overwrite_existing);
  expect_fallback("another step");
}

TEST_F(Checkpoint, hostile_manifests_are_errors) {
  for (const std::string& text :
       {std::string(""), std::string("7"), std::string("[]"), std::string("{}"),
        std::string("{\"manifest_xxh3_64\": 5}"), std::string(100'000, '['), std::string("{\"files\":\xff}"),
        std::string("{\"manifest_xxh3_64\":\"zz\"}")}) {
    const auto parsed = parse_manifest(text, "manifest.json");
    ASSERT_FALSE(parsed) << text.substr(0, 40);
    EXPECT_EQ(parsed.error().code, ErrorCode::bad_data);
  }
  Manifest outside = test::description();
  outside.files = {{"../../secret", 1, 2}};
  EXPECT_FALSE(parse_manifest(manifest_text(outside), "m").has_value());
  outside.files = {{"fine", -1, 2}};
  EXPECT_FALSE(parse_manifest(manifest_text(outside), "m").has_value());
  outside.files = {{"fine", 1, 2}};
  EXPECT_TRUE(parse_manifest(manifest_text(outside), "m").has_value());
}

TEST_F(Checkpoint, a_huge_manifest_is_not_read) {
  std::filesystem::resize_file(at(300, kManifestName), std::uintmax_t{1} << 40);
  expect_fallback("too large");
}

TEST_F(Checkpoint, without_a_whole_one_the_error_tells_all_that_was_wrong) {
  for (const int step : {100, 200, 300}) std::filesystem::remove(at(step, kNames[0]));
  const auto found = CheckpointStore(dir(), 3).latest();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::not_found);
  for (const char* name : {"step-000000100", "step-000000200", "step-000000300"})
    EXPECT_THAT(found.error().hint, HasSubstr(name));
  const auto nowhere = CheckpointStore(folder_.path() / "none", 3).latest();
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, ErrorCode::not_found);
}

TEST_F(Checkpoint, the_same_step_again_takes_the_place_of_the_first) {
  CheckpointStore store(dir(), 3);
  const auto again = save(store, 300, 9000);
  ASSERT_TRUE(again) << again.error().text();
  const auto found = store.latest();
  ASSERT_TRUE(found);
  EXPECT_GE(found->manifest.files[0].bytes, 9000);
  EXPECT_THAT(listing(dir()), ElementsAre("step-000000100", "step-000000200", "step-000000300"));
}

TEST_F(Checkpoint, begin_clears_what_the_dead_left) {
  std::filesystem::create_directories(dir() / ".step-000000350" / "deep");
  std::filesystem::create_directories(dir() / ".drop-step-000000050");
  CheckpointStore store(dir(), 3);
  const auto folder = store.begin(400);
  ASSERT_TRUE(folder);
  spill(*folder / "rest", "of a try that failed");
  const auto fresh = store.begin(400);
  ASSERT_TRUE(fresh);
  EXPECT_TRUE(listing(*fresh).empty());
  EXPECT_THAT(listing(dir()),
              ElementsAre(".step-000000400", "step-000000100", "step-000000200", "step-000000300"));
  store.discard(400);
  EXPECT_EQ(listing(dir()).size(), 3u);
}

TEST_F(Checkpoint, a_file_that_was_not_written_fails_the_commit_and_leaves_nothing) {
  CheckpointStore store(dir(), 3);
  ASSERT_TRUE(store.begin(400));
  const auto committed = store.commit(400, test::description(), {"absent.safetensors"});
  ASSERT_FALSE(committed);
  EXPECT_THAT(committed.error().text(), HasSubstr("missing"));
  ASSERT_TRUE(store.begin(400));
  EXPECT_FALSE(store.commit(400, test::description(), {"../step-000000300/manifest.json"}).has_value());
  EXPECT_EQ(listing(dir()).size(), 3u);
}

TEST_F(Checkpoint, strange_names_are_no_checkpoints) {
  for (const char* name : {"step-", "step-1", "step-00000030x", "step-9999999999999999999999", "other"})
    std::filesystem::create_directory(dir() / name);
  const auto found = CheckpointStore(dir(), 3).latest();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->manifest.step, 300);
  EXPECT_TRUE(found->skipped.empty());
}

}  // namespace
}  // namespace troupe
