#include "cli/text.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace troupe {
namespace {

TEST(Text, CutsByCharactersAndNeverInsideOne) {
  EXPECT_EQ(cut("abcdef", 6), "abcdef");
  EXPECT_EQ(cut("abcdef", 4), "abc…");
  EXPECT_EQ(cut("äöüß", 3), "äö…");
  EXPECT_EQ(cut("abc", 0), "");
  EXPECT_EQ(columns("äöü…"), 4);
}

TEST(Text, AlignsColumns) {
  EXPECT_EQ(table({{"A", "N"}, {"long", "1"}, {"b", "22"}}, {1}), "A      N\nlong   1\nb     22\n");
  EXPECT_EQ(table({}), "");
}

TEST(Text, NumbersHaveAboutThreeDigits) {
  EXPECT_EQ(short_number(512.3), "512");
  EXPECT_EQ(short_number(51.27), "51.3");
  EXPECT_EQ(short_number(-0.4), "-0.40");
  EXPECT_EQ(short_number(0.0421), "0.042");
  EXPECT_EQ(short_number(std::nan("")), "nan");
  EXPECT_EQ(short_number(nlohmann::json(nullptr)), "-");
}

TEST(Text, PathsInALineForTheShellAreOneWord) {
  EXPECT_EQ(shell_word("/data/runs/2026-a_b.c"), "/data/runs/2026-a_b.c");
  EXPECT_EQ(shell_word("my runs/a"), "'my runs/a'");
  EXPECT_EQ(shell_word("o'hara; $(x)"), "'o'\\''hara; $(x)'");
  EXPECT_EQ(shell_word(""), "''");
}

TEST(Text, MembersOfAnotherVersionFallBack) {
  const nlohmann::json reply = {{"a", "text"}, {"b", nullptr}, {"c", 3}};
  EXPECT_EQ(member<int>(reply, "a", 7), 7);
  EXPECT_EQ(member<int>(reply, "b", 7), 7);
  EXPECT_EQ(member<int>(reply, "c", 7), 3);
  EXPECT_EQ(member<int>(reply, "d", 7), 7);
  EXPECT_EQ(member<int>(nlohmann::json::array(), "d", 7), 7);
  EXPECT_TRUE(member_or_null(nlohmann::json(5), "d").is_null());
}

}  // namespace
}  // namespace troupe
