#include "cli/progress.hpp"

#include <gmock/gmock.h>

#include "cli/event_text.hpp"
#include "cli/tables.hpp"
#include "cli/text.hpp"
#include "ops/events.hpp"
#include "tests/cli/fakes.hpp"

namespace troupe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(ProgressLine, TellsPhaseShareSpeedLossesCoresAndTime) {
  EXPECT_EQ(progress_line(running_job(), 200),
            "gan  32x32 fade 40 % [#####...............]  25 %    512 images/s  critic 1.23  generator -0.40"
            " | 2 cores | 3 min 10 s left");
}

TEST(ProgressLine, SaysNothingOfAFadeThatIsOver) {
  Json job = running_job();
  job["fade"] = 1.0;
  EXPECT_THAT(progress_line(job, 200), Not(HasSubstr("fade")));
}

TEST(ProgressLine, GivesUpTheBarThenTheLossesBeforeItIsCut) {
  const std::string whole = progress_line(running_job(), 200);
  EXPECT_THAT(progress_line(running_job(), columns(whole) - 1), HasSubstr("[##........]"));
  EXPECT_THAT(progress_line(running_job(), columns(whole) - 11), Not(HasSubstr("critic")));
  for (const int width : {1, 10, 40, 79, 100, 120}) {
    EXPECT_LE(columns(progress_line(running_job(), width)), width);
    EXPECT_LE(columns(progress_line(parked_job(), width)), width);
  }
}

TEST(ProgressLine, WaitingJobsSayWhy) {
  EXPECT_EQ(progress_line(parked_job(), 200),
            "scout  parked at 25 %: waits for 1 core: gan (priority 10) holds 2 of 2");
  Json preparing = running_job();
  preparing.update({{"state", "preparing"}, {"reason", "decode 3 of 9"}});
  EXPECT_EQ(progress_line(preparing, 200), "gan  preparing: decode 3 of 9");
}

TEST(ProgressLine, FailedJobsNameTheError) {
  Json job = running_job();
  job.update({{"state", "failed"}, {"error", "slice: error: memory budget exceeded"}});
  EXPECT_EQ(progress_line(job, 200), "gan  failed: slice: error: memory budget exceeded");
}

TEST(ProgressLine, BearsAReplyOfAnotherVersion) {
  EXPECT_EQ(progress_line(Json::object(), 80), "?  ?");
  EXPECT_NE(progress_line({{"state", "running"}, {"scores", 5}, {"steps", "x"}}, 80), "");
}

Json event(const std::string& kind, Json more = Json::object()) {
  more.update({{"event", kind}, {"time", 1769869353.0}, {"job", "gan"}});
  return more;
}

TEST(EventText, ReadsAsALine) {
  EXPECT_EQ(event_text(event("phase_started", {{"phase", "8x8"}})), "14:22:33  gan         phase 8x8 begins");
  EXPECT_EQ(event_text(event("resize_applied", {{"cores", 2}, {"budget", 1048576}, {"seconds", 0.0004}})),
            "14:22:33  gan         now on 2 cores, 1 MiB (in 0.4 ms)");
  EXPECT_THAT(event_text(event("job_parked", {{"text", "gan wants both"}})),
              HasSubstr("parked: gan wants both"));
  EXPECT_THAT(event_text(event("steps", {{"step", 7}, {"scores", {{"critic", 1.5}}}})),
              HasSubstr("critic 1.50"));
  EXPECT_THAT(
      event_text(event("steps", {{"scores", Json::array({{{"name", "critic"}, {"value", nullptr}}})}})),
      HasSubstr("critic -"));
  EXPECT_THAT(event_text(event("of_tomorrow", {{"text", "hm"}})), HasSubstr("of_tomorrow: hm"));
  EXPECT_NE(event_text(Json(3)), "");
}

TEST(EventText, EveryKindHasWordsOfItsOwn) {
  for (int kind = 0; kind <= static_cast<int>(EventKind::warning); ++kind) {
    const char* name = to_string(static_cast<EventKind>(kind));
    if (std::string(name) == "warning" || std::string(name) == "resumed") continue;
    EXPECT_THAT(event_text(event(name)), Not(HasSubstr("_"))) << name;
  }
}

TEST(Render, NotesAreTheMovesAndNotEveryStep) {
  const Json events = {event("steps", {{"step", 1}}), event("phase_started", {{"phase", "8x8"}}),
                       event("slice_sampled"), event("job_parked", {{"text", "why"}})};
  const auto frame = render(Json::array({running_job(), parked_job()}), events, 200);
  EXPECT_THAT(frame.notes, ElementsAre(HasSubstr("phase 8x8 begins"), HasSubstr("parked: why")));
  EXPECT_THAT(frame.jobs, ElementsAre(StartsWith("gan    32x32"), StartsWith("scout  parked")));
}

TEST(ProgressView, RedrawsInPlaceOnATerminal) {
  std::ostringstream out, err;
  const Terminal terminal{out, err, true, false, 90};
  ProgressView view(terminal);
  const Json jobs = Json::array({running_job(), parked_job()});
  view.draw(jobs, Json::array(), 0);
  EXPECT_THAT(out.str(), Not(HasSubstr("\x1b[2A")));
  view.draw(jobs, Json::array({event("job_parked")}), 0.2);
  EXPECT_THAT(out.str(), HasSubstr("\x1b[2A\r\x1b[J14:22:33  gan         parked\ngan "));
  view.finish();
  const auto before = out.str().size();
  view.draw(jobs, Json::array(), 0.4);
  EXPECT_THAT(out.str().substr(before), Not(HasSubstr("\x1b[2A")));
}

TEST(ProgressView, PrintsPlainLinesThatChangedNowAndThenElsewhere) {
  std::ostringstream out, err;
  const Terminal terminal{out, err, false, false, 90};
  ProgressView view(terminal, 5);
  Json jobs = Json::array({running_job(), parked_job()});
  for (const double now : {0.0, 1.0, 4.9, 5.0}) {
    jobs[0]["images_per_second"] = 100 + now;
    view.draw(jobs, Json::array(), now);
  }
  const std::string text = out.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3) << "the parked one is told once:\n" << text;
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  view.draw(jobs, Json::array({event("job_parked", {{"text", "now"}})}), 5.1);
  EXPECT_THAT(out.str(), HasSubstr("parked: now"));
}

}  // namespace
}  // namespace troupe
