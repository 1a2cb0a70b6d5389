#include "base/files.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "tests/full_disk.hpp"
#include "tests/temp_folder.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  int entries() const { return static_cast<int>(std::distance(fs::directory_iterator(folder_), {})); }

  const test::TempFolder temporary_;
  const fs::path folder_ = temporary_.path();
};

TEST_F(Files, AreReadAsTheyWereWritten) {
  std::string bytes("a\0b\xff", 4);
  bytes.append(100000, 'x');
  ASSERT_TRUE(write_file(folder_ / "f", bytes));
  EXPECT_EQ(read_file(folder_ / "f").value(), bytes);
  ASSERT_TRUE(write_file(folder_ / "f", ""));
  EXPECT_EQ(read_file(folder_ / "f").value(), "");
  EXPECT_EQ(entries(), 1) << "no temporary stays behind";
}

TEST_F(Files, OfProcHaveNoSizeButContents) { EXPECT_FALSE(read_file("/proc/self/status").value().empty()); }

TEST_F(Files, ThatAreNotThereSaySo) {
  const auto missing = read_file(folder_ / "none");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  EXPECT_EQ(missing.error().text(),
            (folder_ / "none").string() + ": error: can't read: No such file or directory");
  EXPECT_EQ(read_file(folder_).error().code, ErrorCode::io);
  EXPECT_EQ(write_file(folder_ / "none" / "f", "x").error().code, ErrorCode::io);
}

TEST_F(Files, LongerThanAllowedAreRefused) {
  ASSERT_TRUE(write_file(folder_ / "f", "12345"));
  EXPECT_EQ(read_file(folder_ / "f", 5).value(), "12345");
  const auto longer = read_file(folder_ / "f", 4);
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().allowed, "at most 4 bytes");
  EXPECT_FALSE(read_file("/dev/zero", 1 << 20));
}

TEST_F(Files, ThatCannotBeWrittenLeaveTheOldOneAndNothingElse) {
  ASSERT_TRUE(write_file(folder_ / "f", "old"));
  const auto written = [this] {
    const test::FileSizeLimit limit(1000);
    return write_file(folder_ / "f", std::string(100000, 'x'));
  }();
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::io);
  EXPECT_EQ(read_file(folder_ / "f").value(), "old");
  EXPECT_EQ(entries(), 1);
}

TEST_F(Files, OnAFullDiskSaySo) {
  EXPECT_EQ(io_error("can't write", "/x", ENOSPC).text(),
            "/x: error: can't write: No space left on device. Free some space or choose another folder");
}

TEST_F(Files, WrittenByManyThreadsAreOneOfTheirs) {
  std::vector<std::thread> writers;
  for (char c = 'a'; c < 'i'; ++c) {
    writers.emplace_back([this, c] {
      for (int i = 0; i < 5; ++i) EXPECT_TRUE(write_file(folder_ / "f", std::string(5000, c)));
    });
  }
  for (auto& writer : writers) writer.join();
  const std::string last = read_file(folder_ / "f").value();
  EXPECT_EQ(last, std::string(5000, last.at(0)));
  EXPECT_EQ(entries(), 1);
}

TEST_F(Files, FoldersAreMadeAndProven) {
  ASSERT_TRUE(make_writable_folder(folder_ / "a" / "b"));
  EXPECT_TRUE(fs::is_empty(folder_ / "a" / "b"));
  ASSERT_TRUE(make_writable_folder(folder_ / "a" / "b")) << "once more is no error";
  ASSERT_TRUE(write_file(folder_ / "f", "x"));
  EXPECT_FALSE(make_writable_folder(folder_ / "f"));
  EXPECT_FALSE(make_writable_folder("/proc/self/none"));
  EXPECT_TRUE(sync_folder(folder_));
  EXPECT_FALSE(sync_folder(folder_ / "none"));
}

}  // namespace
}  // namespace troupe
