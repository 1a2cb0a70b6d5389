#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "base/files.hpp"
#include "ops/recorder.hpp"
#include "tests/ops/synthetic_run.hpp"

namespace troupe {
namespace {

using ::testing::HasSubstr;

struct JournalTest : ::testing::Test {
  JournalTest() { std::filesystem::create_directories(folder); }
  ~JournalTest() override { std::filesystem::remove_all(folder); }
  void append(const std::string& text) { std::ofstream(file, std::ios::app) << text; }
  std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("troupe-journal-" + std::to_string(::getpid()));
  std::filesystem::path file = folder / "journal.jsonl";
};

TEST_F(JournalTest, GivesBackWhatWasWritten) {
  const auto events = troupe::testing::synthetic_run();
  const auto journal = Journal::open(file);
  ASSERT_TRUE(journal);
  for (const auto& event : events) ASSERT_TRUE((*journal)->write(event));
  const auto back = read_journal(file);
  ASSERT_TRUE(back);
  ASSERT_EQ(back->size(), events.size());
  for (std::size_t i = 0; i < events.size(); ++i) EXPECT_EQ(to_json((*back)[i]), to_json(events[i]));
}

TEST_F(JournalTest, PassesOverALineThatACrashCut) {
  ASSERT_TRUE((*Journal::open(file))->write({.kind = EventKind::warning, .text = "one"}));
  append(R"({"event":"warn)");
  EXPECT_EQ(read_journal(file)->size(), 1u);
  ASSERT_TRUE((*Journal::open(file))->write({.kind = EventKind::warning, .text = "two"}));
  const auto events = read_journal(file);
  ASSERT_TRUE(events);
  ASSERT_EQ(events->size(), 2u);
  EXPECT_EQ((*events)[1].text, "two");
}

TEST_F(JournalTest, NamesTheLineThatIsBroken) {
  ASSERT_TRUE((*Journal::open(file))->write({.kind = EventKind::warning, .text = "one"}));
  append("nonsense\n");
  const auto events = read_journal(file);
  ASSERT_FALSE(events);
  EXPECT_THAT(events.error().where, HasSubstr("journal.jsonl:2"));
  int heard = 0;
  EXPECT_FALSE(each_event(file, [&](const Event&) { ++heard; }));
  EXPECT_EQ(heard, 1) << "what comes before is told as it is read";
}

TEST_F(JournalTest, StandsTextThatIsNoUtf8) {
  ASSERT_TRUE((*Journal::open(file))->write({.kind = EventKind::warning, .text = "\xff\xfe"}));
  EXPECT_EQ(read_journal(file)->size(), 1u);
}

TEST_F(JournalTest, SaysWhyItCanNotBeOpened) {
  const auto journal = Journal::open(folder / "missing" / "journal.jsonl");
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.error().code, ErrorCode::io);
  EXPECT_EQ(read_journal(file).error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace troupe
