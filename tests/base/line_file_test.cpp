#include "base/line_file.hpp"

#include <gtest/gtest.h>

#include "base/files.hpp"
#include "tests/full_disk.hpp"
#include "tests/temp_folder.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

class Lines : public testing::Test {
 protected:
  std::unique_ptr<LineFile> open() {
    auto file = LineFile::open(file_());
    EXPECT_TRUE(file) << file.error().text();
    return file ? std::move(*file) : nullptr;
  }
  fs::path file_() const { return folder_ / "disk" / "lines"; }
  std::string text() const { return read_file(file_()).value(); }
  static std::string line(char c, std::size_t bytes = 100) { return std::string(bytes - 1, c) + "\n"; }

  test::TempFolder folder_;
};

TEST_F(Lines, AreAppendedInOrderAndFoundAgain) {
  fs::create_directory(folder_ / "disk");
  EXPECT_TRUE(open()->empty());
  ASSERT_TRUE(open()->append("a\nb\n"));
  const auto again = open();
  EXPECT_FALSE(again->empty());
  ASSERT_TRUE(again->append("c\n"));
  EXPECT_EQ(text(), "a\nb\nc\n");
}

TEST_F(Lines, ACutOneIsDroppedWhenTheFileIsOpened) {
  fs::create_directory(folder_ / "disk");
  for (const auto& [before, after] :
       {std::pair{"a\nb", "a\nc\n"}, {"cut", "c\n"}, {"", "c\n"}, {"a\n", "a\nc\n"}}) {
    ASSERT_TRUE(write_file(file_(), before));
    ASSERT_TRUE(open()->append("c\n"));
    EXPECT_EQ(text(), after);
  }
}

TEST_F(Lines, OnAFullDiskAreWholeAndComeBackWithRoom) {
  test::SmallDisk disk(folder_ / "disk", 256 << 10);
  const auto lines = open();
  std::string all;
  for (int i = 0; i < 200; ++i) all += line('a');
  ASSERT_TRUE(lines->append(all));
  // a page is what a tmpfs has room for: the next lines fit in part
  disk.fill(0, 22222);
  bool refused = false;
  for (char c = 'b'; c <= 'z'; ++c) {
    std::string some;
    for (int i = 0; i < 7; ++i) some += line(c, 333);
    const auto written = lines->append(some);
    all += some;
    if (!written) {
      EXPECT_EQ(written.error().code, ErrorCode::io);
      EXPECT_EQ(written.error().where, file_().string());
      refused = true;
    }
    const auto now = text();
    EXPECT_EQ(now, all.substr(0, now.size()));
    EXPECT_TRUE(now.ends_with('\n')) << "half a line stands in the file";
  }
  ASSERT_TRUE(refused);
  EXPECT_LT(text().size(), all.size());
  EXPECT_FALSE(lines->flush()) << "there is still no room";
  disk.make_room();
  ASSERT_TRUE(lines->flush());
  EXPECT_EQ(text(), all);
  ASSERT_TRUE(lines->append("end\n"));
  EXPECT_EQ(text(), all + "end\n");
}

TEST_F(Lines, RefusedOnesAreWrittenWhenTheFileIsClosed) {
  test::SmallDisk disk(folder_ / "disk", 64 << 10);
  {
    const auto lines = open();
    ASSERT_TRUE(lines->append("first\n"));
    disk.fill(0, 4096);
    EXPECT_FALSE(lines->append(line('x', 8192)));
    disk.make_room();
  }
  EXPECT_EQ(text(), "first\n" + line('x', 8192));
}

TEST_F(Lines, BeyondWhatIsKeptAreRefusedInWordsAndTheKeptOnesStay) {
  test::SmallDisk disk(folder_ / "disk", 1 << 20);
  const auto lines = open();
  disk.fill(0, 4096);
  const auto large = line('l', LineFile::kMostKept - 10);
  EXPECT_FALSE(lines->append(large));
  const auto lost = lines->append(line('m'));
  ASSERT_FALSE(lost);
  EXPECT_NE(lost.error().text().find("these lines are lost"), std::string::npos) << lost.error().text();
  EXPECT_FALSE(lines->append("short\n")) << "there is still no room";
}

TEST_F(Lines, InAFolderThatIsNotThereSaySo) {
  const auto file = LineFile::open(folder_ / "none" / "lines");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::io);
}

}  // namespace
}  // namespace troupe
