#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "ops/canvas.hpp"
#include "ops/recorder.hpp"
#include "ops/tracks.hpp"
#include "tests/ops/synthetic_run.hpp"

namespace troupe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Summary, TellsWhatEachJobDid) {
  const auto summary = summarize(troupe::testing::synthetic_run());
  ASSERT_EQ(summary["jobs"].size(), 3u);
  const auto& gan = summary["jobs"][0];
  EXPECT_EQ(gan["job"], "gan");
  EXPECT_EQ(gan["state"], "finished");
  EXPECT_EQ(gan["steps"], 9100);
  EXPECT_EQ(gan["images"], 145600);
  EXPECT_NEAR(gan["seconds"].get<double>(), 459.9, 0.01);
  ASSERT_EQ(gan["phases"].size(), 5u);
  EXPECT_EQ(gan["phases"][0]["phase"], "4x4");
  EXPECT_NEAR(gan["phases"][0]["images_per_second"].get<double>(), 320, 1);
  EXPECT_EQ(gan["phases"][0]["peak_bytes"], mib(100).count);
  EXPECT_EQ(gan["resizes"]["count"], 1);
  EXPECT_EQ(gan["checkpoints"]["count"], 5);
  EXPECT_EQ(gan["checkpoints"]["skipped"], 1);
  ASSERT_EQ(gan["cores"].size(), 2u);
  EXPECT_NEAR(gan["cores"][0]["seconds"].get<double>(), 153.9, 0.01);
  EXPECT_NEAR(gan["cores"][1]["share"].get<double>(), 305.9 / 459.8, 1e-3);
}

TEST(Summary, TellsHowLongAJobWaitedAndWhy) {
  const auto summary = summarize(troupe::testing::synthetic_run());
  const auto& small = summary["jobs"][1];
  EXPECT_EQ(small["state"], "stopped");
  ASSERT_EQ(small["waits"].size(), 1u);
  EXPECT_EQ(small["waits"][0]["reason"], "waits for 1 core: gan (priority 10) holds 2 of 2");
  EXPECT_NEAR(small["waits"][0]["seconds"].get<double>(), 306.1, 0.01);
  EXPECT_EQ(summary["jobs"][2]["why"], "no data");
}

TEST(Summary, TheSlicesOfAJobAreOnePeak) {
  Summary sums;
  for (const char* slice : {"a-0", "a-1", "a-0", "a-1"})
    sums.add({.kind = EventKind::slice_sampled,
              .unix_time = 5,
              .job = "a",
              .slice = slice,
              .phase = "4x4",
              .peak = mib(10)});
  EXPECT_EQ(sums.json()["jobs"][0]["phases"][0]["peak_bytes"], mib(20).count);
}

TEST(Summary, OfNothingIsEmptyAndStandsNaN) {
  EXPECT_TRUE(summarize({})["jobs"].empty());
  Event steps{.kind = EventKind::steps, .unix_time = 5, .job = "a", .seconds = NAN};
  steps.scores = {{"critic", NAN}};
  const auto summary = summarize({steps});
  EXPECT_TRUE(summary["jobs"][0]["losses"]["critic"].is_null());
  EXPECT_THAT(summary_markdown(summary), HasSubstr("critic -"));
}

TEST(Summary, InWordsNamesPhasesAndReasons) {
  const auto md = summary_markdown(summarize(troupe::testing::synthetic_run()));
  EXPECT_THAT(md, HasSubstr("| 64x64 |"));
  EXPECT_THAT(md, HasSubstr("waits for 1 core: gan"));
  EXPECT_THAT(md, HasSubstr("resized once:"));
}

TEST(Timeline, TicksAreRound) {
  EXPECT_THAT(ticks(0, 10, 5), ElementsAre(0, 2, 4, 6, 8, 10));
  EXPECT_THAT(time_ticks(100, 4), ElementsAre(0, 30, 60, 90));
  EXPECT_THAT(ticks(1, 1, 5), ElementsAre());
  EXPECT_EQ(clock_text(65), "1:05");
  EXPECT_EQ(clock_text(3725), "1:02:05");
}

TEST(Timeline, KnowsWhoHadHowManyCoresWhen) {
  const auto tracks = tracks_of(troupe::testing::synthetic_run());
  ASSERT_EQ(tracks.jobs.size(), 3u);
  EXPECT_EQ(value_at(tracks.jobs[0].cores, 100), 1);
  EXPECT_EQ(value_at(tracks.jobs[0].cores, 200), 2);
  EXPECT_EQ(value_at(tracks.jobs[1].cores, 200), 0);
  EXPECT_EQ(value_at(tracks.jobs[1].cores, 500), 2);
  EXPECT_EQ(tracks.jobs[0].phases.size(), 5u);
  EXPECT_THAT(shown_losses(tracks.jobs[0]), ElementsAre("critic", "generator"));
}

TEST(Timeline, ALossHasAGapWhereItsJobWasParked) {
  const auto tracks = tracks_of(troupe::testing::synthetic_run());
  EXPECT_EQ(stretches(tracks.jobs[1].losses.at("critic")).size(), 2u);
  EXPECT_EQ(stretches(tracks.jobs[0].losses.at("critic")).size(), 1u);
  EXPECT_TRUE(stretches({}).empty());
}

TEST(Timeline, OfAWeekHasNoMorePointsThanAPictureShows) {
  TrackMaker maker;
  constexpr int kSeconds = 7 * 86400;
  for (int t = 1; t <= kSeconds; ++t) {
    Event steps{.kind = EventKind::steps, .unix_time = 1e9 + t, .job = "a"};
    steps.scores = {{"critic", t % 2 == 0 ? 3.0 : 1.0}};
    maker.add(steps);
    maker.add({.kind = EventKind::slice_sampled,
               .unix_time = 1e9 + t,
               .job = "a",
               .slice = "a-0",
               .budget = mib(20),
               .peak = mib(t == kSeconds / 2 ? 15 : 10)});
    if (t == kSeconds / 3) maker.add({.kind = EventKind::job_parked, .unix_time = 1e9 + t, .job = "a"});
  }
  const Track& track = maker.tracks().jobs.front();
  const auto& loss = track.losses.at("critic");
  EXPECT_LE(loss.size(), kMostPoints);
  EXPECT_GE(loss.size(), kMostPoints / 4);
  EXPECT_EQ(stretches(loss).size(), 2u) << "the gap where it was parked";
  for (const std::size_t i : {loss.size() / 8, loss.size() / 2, loss.size() - 10})
    EXPECT_NEAR(loss[i].y, 2, 0.1) << "neighbours become their mean";
  EXPECT_NEAR(loss[loss.size() / 2].x, kSeconds / 2.0, kSeconds / 50.0) << "as fine everywhere";
  EXPECT_TRUE(
      std::is_sorted(loss.begin(), loss.end(), [](const Point& a, const Point& b) { return a.x < b.x; }));
  EXPECT_LE(track.peak.size(), kMostPoints);
  EXPECT_EQ(track.peak.size(), track.budget.size());
  const auto most = std::max_element(track.peak.begin(), track.peak.end(),
                                     [](const Point& a, const Point& b) { return a.y < b.y; });
  EXPECT_EQ(most->y, 15) << "the most that was held stays";
}

TEST(Timeline, TheSlicesOfAJobAreOneHeight) {
  TrackMaker maker;
  for (int second = 1; second <= 2; ++second)
    for (const char* slice : {"a-0", "a-1", "a-2"})
      maker.add({.kind = EventKind::slice_sampled,
                 .unix_time = 1e9 + second,
                 .job = "a",
                 .slice = slice,
                 .budget = mib(20),
                 .peak = mib(10)});
  const Track& track = maker.tracks().jobs.front();
  ASSERT_EQ(track.peak.size(), 2u);
  EXPECT_EQ(track.peak[1].y, 30);
  EXPECT_EQ(track.budget[1].y, 60);
}

TEST(Timeline, SmoothingKeepsTheMean) {
  const auto out = smoothed({{0, 1}, {1, 2}, {2, 6}}, 2);
  ASSERT_EQ(out.size(), 3u);
  EXPECT_DOUBLE_EQ(out[1].y, 3);
}

TEST(Timeline, IsAPicture) {
  const auto file =
      std::filesystem::temp_directory_path() / ("troupe-timeline-" + std::to_string(::getpid()) + ".png");
  for (const auto& events : {troupe::testing::synthetic_run(), std::vector<Event>{}}) {
    const auto drawn = draw_timeline(tracks_of(events), file);
    ASSERT_TRUE(drawn) << drawn.error().text();
    std::ifstream in(file, std::ios::binary);
    std::string head(24, '\0');
    in.read(head.data(), 24);
    EXPECT_EQ(head.substr(1, 3), "PNG");
    EXPECT_EQ(static_cast<unsigned char>(head[18]) * 256 + static_cast<unsigned char>(head[19]), 1600);
  }
  std::filesystem::remove(file);
  EXPECT_FALSE(draw_timeline({}, "/nonexistent/folder/timeline.png"));
}

}  // namespace
}  // namespace troupe
