#include "base/lines.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/temp_folder.hpp"

namespace troupe {
namespace {

using test::TempFolder;
using Lines = std::vector<std::string>;

Lines lines_of(const std::filesystem::path& file) {
  Lines all;
  const auto read = each_line(file, [&](std::string_view line) -> Result<void> {
    all.emplace_back(line);
    return {};
  });
  EXPECT_TRUE(read) << read.error().text();
  return all;
}

TEST(EachLine, AreHandedOverInTheirOrderButForOneThatWasCut) {
  const TempFolder folder;
  EXPECT_EQ(lines_of(folder.write("a", "one\n\nthree\ncut")), (Lines{"one", "", "three"}));
  EXPECT_EQ(lines_of(folder.write("b", "")), Lines{});
  EXPECT_EQ(lines_of(folder.write("c", "cut")), Lines{});
}

TEST(EachLine, MayBeLongerThanWhatIsReadAtOnce) {
  const TempFolder folder;
  const Lines wanted{std::string(200'000, 'a'), "b", std::string(65'535, 'c'), std::string(65'536, 'd')};
  std::string text;
  for (const auto& line : wanted) text += line + "\n";
  EXPECT_EQ(lines_of(folder.write("long", text)), wanted);
}

TEST(EachLine, EndWithTheFirstThatIsNotTaken) {
  const TempFolder folder;
  int taken = 0;
  const auto read = each_line(folder.write("a", "1\n2\n3\n"), [&](std::string_view line) -> Result<void> {
    ++taken;
    if (line == "2") return fail({.code = ErrorCode::bad_data, .what = "two"});
    return {};
  });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().what, "two");
  EXPECT_EQ(taken, 2);
}

TEST(EachLine, OfWhatIsNoFileAreAnError) {
  const TempFolder folder;
  const auto none = [](std::string_view) -> Result<void> { return {}; };
  EXPECT_EQ(each_line(folder / "none", none).error().code, ErrorCode::not_found);
  EXPECT_EQ(each_line(folder.path(), none).error().code, ErrorCode::io);
}

}  // namespace
}  // namespace troupe
