// A full disk, made with the limit on a file's size and, where the test may mount, with a tiny tmpfs.
#include <gmock/gmock.h>

#include "tests/full_disk.hpp"
#include "tests/train/checkpoint_fixture.hpp"
#include "train/safetensors.hpp"

namespace troupe {
namespace {
using test::FileSizeLimit;
using test::listing;
using test::save;

class FullDisk : public test::Checkpoints {};

TEST_F(FullDisk, a_file_that_does_not_fit_is_an_io_error_and_leaves_nothing) {
  CheckpointStore store(dir(), 2);
  ASSERT_TRUE(save(store, 100));
  {
    const FileSizeLimit limit(4096);
    const auto saved = save(store, 200, 100'000);
    ASSERT_FALSE(saved);
    EXPECT_EQ(saved.error().code, ErrorCode::io) << saved.error().text();
  }
  EXPECT_EQ(listing(dir()), std::vector<std::string>{"step-000000100"});
  ASSERT_TRUE(save(store, 200, 100'000));
}

TEST_F(FullDisk, a_manifest_that_does_not_fit_is_an_io_error_and_leaves_nothing) {
  CheckpointStore store(dir(), 2);
  ASSERT_TRUE(save(store, 100));
  const auto folder = store.begin(200);
  ASSERT_TRUE(folder);
  test::spill(*folder / "a", std::string(5000, 'a'));
  {
    const FileSizeLimit limit(16);
    const auto committed = store.commit(200, test::description(), {"a"});
    ASSERT_FALSE(committed);
    EXPECT_EQ(committed.error().code, ErrorCode::io) << committed.error().text();
  }
  EXPECT_EQ(listing(dir()), std::vector<std::string>{"step-000000100"});
  EXPECT_EQ(store.latest()->manifest.step, 100);
}

TEST_F(FullDisk, a_safetensors_file_that_does_not_fit_leaves_the_one_before) {
  const auto file = folder_.path() / "a.safetensors";
  const std::vector<float> small{1, 2, 3}, large(100'000, 4.0f);
  const TensorRef first[] = {{"a", {3}, small}}, second[] = {{"a", {100'000}, large}};
  ASSERT_TRUE(write_safetensors(file, first, {}));
  {
    const FileSizeLimit limit(8192);
    const auto written = write_safetensors(file, second, {});
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, ErrorCode::io);
  }
  EXPECT_EQ(listing(folder_.path()), std::vector<std::string>{"a.safetensors"});
  EXPECT_EQ(read_safetensors(file)->values.at("a"), small);
}

TEST_F(FullDisk, a_full_tmpfs_is_an_io_error_and_leaves_the_one_before) {
  test::SmallDisk disk(dir(), 256 << 10);
  CheckpointStore store(dir(), 2);
  ASSERT_TRUE(save(store, 100, 40'000));
  disk.fill(60'000, 50'000);
  const auto saved = save(store, 200, 55'000);
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().code, ErrorCode::io);
  if (disk.mounted()) {
    EXPECT_THAT(saved.error().text(), testing::HasSubstr("No space left on device"));
  }
  disk.make_room();
  EXPECT_EQ(listing(dir()), std::vector<std::string>{"step-000000100"});
  EXPECT_TRUE(save(store, 300, 40'000));
  EXPECT_EQ(store.latest()->manifest.step, 300);
}

}  // namespace
}  // namespace troupe
