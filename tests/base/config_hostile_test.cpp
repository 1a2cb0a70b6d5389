// Texts that nobody writes by mistake: each gives an error with its place, in time and within the stack.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/config.hpp"
#include "base/files.hpp"

namespace troupe {
namespace {

std::string repeated(const std::string& piece, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += piece;
  return out;
}

std::string first_error(const std::string& text) {
  const auto config = parse_config(text, "c.toml");
  const auto job = parse_job(text, "c.toml");
  if (config || job) return "";
  return config.error().at(0).text();
}

TEST(HostileConfig, NestedDeep) {
  EXPECT_EQ(first_error("a = " + repeated("[", 200000)),
            "c.toml:1:21: error: nested too deep (allowed at most 16 levels)");
  EXPECT_EQ(first_error("a = " + repeated("{b=", 200000)),
            "c.toml:1:53: error: nested too deep (allowed at most 16 levels)");
  EXPECT_EQ(first_error(repeated("a.", 200000) + "a = 1"),
            "c.toml:1:34: error: nested too deep (allowed at most 16 levels)");
  EXPECT_NE(first_error("\n[" + repeated("\"a\" . ", 50000) + "a]").find("c.toml:2:"), std::string::npos);
  EXPECT_EQ(first_error("[[job]]\nname = \"" + repeated("[{.", 20) + "\" # " + repeated("[.", 40) + "\n")
                .find("nested"),
            std::string::npos)
      << "brackets in strings and comments nest nothing";
}

TEST(HostileConfig, BytesThatAreNoText) {
  EXPECT_EQ(first_error(std::string("a = 1\nb\0 = 2", 12)), "c.toml:2:2: error: a NUL byte");
  EXPECT_EQ(first_error(std::string("# \0", 3)), "c.toml:1:3: error: a NUL byte");
  EXPECT_EQ(first_error(std::string("a = \"\0\"", 7)), "c.toml:1:6: error: a NUL byte");
  EXPECT_NE(first_error("a = \"\xff\xfe\"").find("invalid utf-8"), std::string::npos);
  EXPECT_EQ(first_error("[job\u0358an]"),
            "c.toml:1:5: error: a character that TOML allows in quotes and comments alone");
  EXPECT_EQ(first_error("a = 1'''\u014d"), "c.toml:1:6: error: a quote inside a value or a name");
  EXPECT_EQ(first_error("a \"b\" = 1"), "c.toml:1:3: error: a quote inside a value or a name");
  EXPECT_EQ(first_error("a = 1.\"\u014d\""), "c.toml:1:7: error: a quote inside a value or a name");
  EXPECT_EQ(first_error("a = [\n1.\"\u014d\"]"), "c.toml:2:3: error: a quote inside a value or a name");
  EXPECT_EQ(first_error("a = 6[\"\u014d\"]"), "c.toml:1:6: error: a bracket inside a value or a name");
  EXPECT_EQ(first_error("a = 6{b = \"\u014d\"}"), "c.toml:1:6: error: a bracket inside a value or a name");
  EXPECT_NE(first_error("\xc0\x80 = 1"), "");
  EXPECT_EQ(first_error("\xef\xbb\xbf[cluster] # \u00fc"), "") << "a byte order mark and comments are fine";
  EXPECT_NE(first_error(std::string(1000, '\xed')), "");
}

TEST(HostileConfig, QuotesMayStandWhereTomlHasThem) {
  const char* text =
      "\"title\" = \"a\"\r\n  'b' . \"c\" = [ \"x\", 'y',\n\"z\" ] # \"it's\"\n[ \"d\" ]\ne = { 'f' = "
      "'''g\n\u014d''', \"h\" = 1 }\n";
  EXPECT_EQ(first_error(text).find("quote"), std::string::npos) << first_error(text);
  const char* brackets =
      "[[ \"a\".\"b\" ]]\nc = [[\"x\"], [\n\"y\"]]\nd = [{e = \"f\"}, {g.\"h\" = [\"i\"], \"j\" = "
      "1}]\n[k.'l']\n";
  for (const char* word : {"quote", "bracket", "TOML"})
    EXPECT_EQ(first_error(brackets).find(word), std::string::npos) << first_error(brackets);
}

TEST(HostileConfig, TooLong) {
  const std::string expected =
      "c.toml: error: too long for a configuration (given 10485760 bytes; allowed at most 1048576 bytes)";
  EXPECT_EQ(first_error(std::string(10 << 20, ' ')), expected);
  EXPECT_EQ(first_error(std::string(10 << 20, '[')), expected);
}

TEST(HostileConfig, ThousandsOfErrorsAreCappedAtAHundred) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += std::to_string(i) + " = 1\n";
  text += "[cluster]\nport = -1\n";
  const auto config = parse_config(text, "c.toml");
  ASSERT_FALSE(config);
  ASSERT_EQ(config.error().size(), 101U);
  EXPECT_EQ(config.error().back().what, "and 2 errors more");
}

TEST(HostileConfig, LongValuesAreCutInErrors) {
  const std::string text =
      first_error("[cluster]\nname = \"" + repeated("ü", 100000) + "\"\n" + repeated("x", 5000) + " = 1\n");
  EXPECT_LT(text.size(), 300U);
  EXPECT_NE(text.find("üü\"…"), std::string::npos) << text;
}

TEST(HostileConfig, FilesThatCannotBeRead) {
  const auto missing = load_config("/nonexistent/cluster.toml");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().at(0).text(),
            "/nonexistent/cluster.toml: error: can't read: No such file or directory");
  EXPECT_EQ(missing.error().at(0).code, ErrorCode::not_found);
  EXPECT_EQ(load_job("/nonexistent/job.toml").error().at(0).code, ErrorCode::not_found);
  EXPECT_FALSE(load_config("/tmp")) << "a folder";
  EXPECT_FALSE(load_config("/dev/zero")) << "without an end";
}

// The fuzzer's corpus, also for those who have no fuzzer: what can be read reads back as itself.
TEST(HostileConfig, CorpusReadsBackOrIsRefused) {
  int files = 0, read = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TROUPE_SOURCE "/tests/fuzz/corpus/config")) {
    ++files;
    const std::string text = read_file(entry.path()).value();
    if (const auto config = parse_config(text, entry.path())) {
      ++read;
      EXPECT_EQ(parse_config(to_toml(*config), entry.path()).value(), *config) << entry.path();
    }
    if (const auto job = parse_job(text, entry.path())) {
      ++read;
      EXPECT_EQ(parse_job(to_toml(*job), entry.path()).value(), *job) << entry.path();
    }
  }
  EXPECT_GE(files, 5);
  EXPECT_GE(read, 3);
}

}  // namespace
}  // namespace troupe
