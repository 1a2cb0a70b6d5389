#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <regex>
#include <set>

#include "base/files.hpp"
#include "ops/recorder.hpp"
#include "tests/ops/synthetic_run.hpp"

namespace troupe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::unique_ptr<Metrics> fed(bool ends) {
  auto metrics = Metrics::open(-1);
  EXPECT_TRUE(metrics);
  for (const auto& event : troupe::testing::synthetic_run(ends)) (*metrics)->record(event);
  return std::move(*metrics);
}

std::set<std::string> matches(const std::string& text, const std::string& pattern) {
  std::set<std::string> found;
  const std::regex regex(pattern, std::regex::ECMAScript | std::regex::multiline);
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) found.insert((*it)[1]);
  return found;
}

TEST(Metrics, AreAllInTheDocumentationAndTheOtherWayRound) {
  const auto page = read_file(std::filesystem::path(TROUPE_DOCS) / "metrics.md");
  ASSERT_TRUE(page);
  const auto told = matches(*page, "^\\| `(troupe_\\w+)` \\|");
  EXPECT_GT(told.size(), 20u);
  const auto metrics = fed(false);
  metrics->record({.kind = EventKind::slice_sampled, .job = "on a GPU", .sms = 8});
  metrics->watch(
      {{"n:gpu0", "H100",
        [] { return DeviceSample{310, 700, 54, 1.98e9, 2.6e9, 0.97, 0.4, gib(12), {"its power limit"}}; }}});
  EXPECT_EQ(told, matches(metrics->text(), "^# TYPE (\\w+) "));
}

TEST(Metrics, CountStepsImagesSecondsAndBytes) {
  const auto text = fed(false)->text();
  EXPECT_THAT(text, HasSubstr("troupe_job_steps_total{job=\"gan\"} 9100\n"));
  EXPECT_THAT(text, HasSubstr("troupe_job_images_total{job=\"gan\"} 145600\n"));
  EXPECT_THAT(text, HasSubstr("troupe_step_seconds_count{job=\"gan\"} 9100\n"));
  EXPECT_THAT(text, HasSubstr("troupe_checkpoint_bytes_total{job=\"gan\"} 62914560\n"));
  EXPECT_THAT(text, HasSubstr("troupe_resize_seconds_count{job=\"gan\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("troupe_slice_compute_units{job=\"gan\",node=\"local\",slice=\"gan-0\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("troupe_job_phase_index{job=\"gan\"} 4\n"));
}

TEST(Metrics, SetPredictionsBesideWhatCameOfThem) {
  const auto text = fed(false)->text();
  EXPECT_THAT(text, HasSubstr("troupe_job_step_predicted_seconds{job=\"gan\"} 0.045\n"));
  EXPECT_THAT(text, HasSubstr("troupe_job_step_measured_seconds{job=\"gan\"} 0.05\n"));
  EXPECT_THAT(text, ::testing::ContainsRegex("troupe_job_step_error_ratio.job=.gan.. 0[.](1|0999)"));
  EXPECT_THAT(text, ::testing::ContainsRegex("troupe_job_memory_error_ratio.job=.gan.. 0[.](1|0999)"));
  EXPECT_THAT(text, HasSubstr("troupe_job_prediction_learned_steps{job=\"gan\"} 9080\n"));
  EXPECT_THAT(text, HasSubstr("troupe_job_memory_headroom_ratio{job=\"gan\"} 0.02\n"));
  EXPECT_THAT(text, HasSubstr("troupe_job_slowdown_predicted_ratio{job=\"gan\"} 1.2\n"));
  EXPECT_THAT(text, HasSubstr("troupe_job_slowdown_measured_ratio{job=\"gan\"} 1.25\n"));
  EXPECT_THAT(text, ::testing::ContainsRegex("troupe_job_slowdown_error_ratio.job=.gan.. 0[.](04|0399)"));
}

TEST(Metrics, OfASlowdownGoWithTheNeighbours) {
  const auto metrics = Metrics::open(-1);
  Event steps{.kind = EventKind::steps, .job = "a", .step = 10, .steps = 10, .seconds = 1};
  steps.predicted_slowdown = 1.5;
  (*metrics)->record(steps);
  EXPECT_THAT((*metrics)->text(), HasSubstr("troupe_job_slowdown_predicted_ratio{job=\"a\"} 1.5\n"));
  EXPECT_THAT((*metrics)->text(), Not(HasSubstr("slowdown_error_ratio{"))) << "nobody measured it";
  steps.predicted_slowdown = 0;
  (*metrics)->record(steps);
  EXPECT_THAT((*metrics)->text(), Not(HasSubstr("slowdown_predicted_ratio{")));
}

TEST(Metrics, TellNothingOfWhatNobodyPredicted) {
  const auto metrics = Metrics::open(-1);
  (*metrics)->record(
      {.kind = EventKind::steps, .job = "a", .step = 10, .steps = 10, .images = 160, .seconds = 1});
  EXPECT_THAT((*metrics)->text(), Not(HasSubstr("predicted_seconds{")));
  EXPECT_THAT((*metrics)->text(), Not(HasSubstr("error_ratio{")));
}

TEST(Metrics, OfAResumedJobCountOnlyWhatThisProcessDid) {
  const auto metrics = Metrics::open(-1);
  Event steps{.kind = EventKind::steps, .job = "a", .step = 1000, .steps = 10, .images = 16000};
  (*metrics)->record(steps);
  EXPECT_THAT((*metrics)->text(), HasSubstr("troupe_job_images_total{job=\"a\"} 160\n"));
}

Event slice_event(const std::string& node, int index, int of, double busy) {
  return {.kind = EventKind::slice_sampled,
          .job = "a",
          .node = node,
          .slice = "a-" + std::to_string(index),
          .count = of,
          .cores_asked = index + 1,
          .cores = index + 1,
          .budget = mib(8),
          .held = mib(1 + index),
          .peak = mib(2 + index),
          .busy_seconds = busy};
}

TEST(Metrics, TellTheSmsOfAGpusSliceAsLongAsItIsThere) {
  const auto metrics = Metrics::open(-1);
  (*metrics)->record(slice_event("local", 0, 1, 1));
  EXPECT_THAT((*metrics)->text(), Not(HasSubstr("troupe_slice_sms{"))) << "a CPU has none";
  auto e = slice_event("local:gpu0", 0, 1, 3.5);
  e.job = "b";
  e.slice = "b-0";
  e.cores = 4;
  e.sms = 32;
  (*metrics)->record(e);
  for (const char* line :
       {"troupe_slice_sms{job=\"b\",node=\"local:gpu0\",slice=\"b-0\"} 32\n",
        "troupe_slice_compute_units{job=\"b\",node=\"local:gpu0\",slice=\"b-0\"} 4\n",
        "troupe_slice_memory_budget_bytes{job=\"b\",node=\"local:gpu0\",slice=\"b-0\"} 8388608\n",
        "troupe_slice_busy_seconds_total{job=\"b\",slice=\"b-0\"} 3.5\n"})
    EXPECT_THAT((*metrics)->text(), HasSubstr(line));
  (*metrics)->record({.kind = EventKind::job_parked, .job = "b"});
  EXPECT_THAT((*metrics)->text(), Not(HasSubstr("troupe_slice_sms{")));
}

TEST(Metrics, TellOfEverySliceOfAJob) {
  const auto metrics = Metrics::open(-1);
  for (int i = 0; i < 3; ++i) (*metrics)->record(slice_event(i == 2 ? "b" : "local", i, 3, 10 + i));
  auto text = (*metrics)->text();
  for (const char* line : {"troupe_slice_compute_units{job=\"a\",node=\"local\",slice=\"a-0\"} 1\n",
                           "troupe_slice_compute_units{job=\"a\",node=\"local\",slice=\"a-1\"} 2\n",
                           "troupe_slice_compute_units{job=\"a\",node=\"b\",slice=\"a-2\"} 3\n",
                           "troupe_slice_memory_held_bytes{job=\"a\",node=\"local\",slice=\"a-1\"} 2097152\n",
                           "troupe_slice_memory_peak_bytes{job=\"a\",node=\"b\",slice=\"a-2\"} 4194304\n",
                           "troupe_slice_memory_budget_bytes{job=\"a\",node=\"b\",slice=\"a-2\"} 8388608\n",
                           "troupe_slice_busy_seconds_total{job=\"a\",slice=\"a-2\"} 12\n"})
    EXPECT_THAT(text, HasSubstr(line));
  // a-1 goes to b, a-2 is gone
  (*metrics)->record(slice_event("local", 0, 2, 20));
  (*metrics)->record(slice_event("b", 1, 2, 20));
  text = (*metrics)->text();
  EXPECT_THAT(text, HasSubstr("troupe_slice_compute_units{job=\"a\",node=\"b\",slice=\"a-1\"} 2\n"));
  EXPECT_THAT(text, Not(HasSubstr("node=\"local\",slice=\"a-1\"")));
  EXPECT_THAT(text, Not(HasSubstr("node=\"b\",slice=\"a-2\"")));
  EXPECT_THAT(text, HasSubstr("troupe_slice_busy_seconds_total{job=\"a\",slice=\"a-1\"} 20\n"));
  (*metrics)->record({.kind = EventKind::job_parked, .job = "a", .text = "waits for 1 core"});
  EXPECT_THAT((*metrics)->text(), Not(HasSubstr("troupe_slice_compute_units{"))) << "a parked job has none";
}

TEST(Metrics, TellOneReasonAtATime) {
  const auto metrics = Metrics::open(-1);
  for (const char* reason : {"waits for 1 core", "waits for memory"})
    (*metrics)->record({.kind = EventKind::job_waiting, .job = "a", .text = reason});
  EXPECT_THAT((*metrics)->text(),
              HasSubstr("troupe_job_waiting_info{job=\"a\",reason=\"waits for memory\"} 1"));
  EXPECT_THAT((*metrics)->text(), Not(HasSubstr("waits for 1 core")));
  (*metrics)->record({.kind = EventKind::job_started, .job = "a", .cores = 1});
  EXPECT_THAT((*metrics)->text(), Not(HasSubstr("reason=")));
  EXPECT_THAT((*metrics)->text(), HasSubstr("troupe_job_state{job=\"a\",state=\"running\"} 1"));
}

TEST(Metrics, CutALongReason) {
  const auto metrics = Metrics::open(-1);
  (*metrics)->record({.kind = EventKind::job_waiting, .job = "a", .text = std::string(5000, 'x')});
  EXPECT_LT((*metrics)->text().size(), 3000u);
}

TEST(Metrics, OfAJobThatEndedAreGoneButItsCountersStay) {
  const auto text = fed(true)->text();
  EXPECT_THAT(text, Not(HasSubstr("troupe_job_loss{")));
  EXPECT_THAT(text, Not(HasSubstr("troupe_slice_compute_units{")));
  EXPECT_THAT(text, HasSubstr("troupe_job_steps_total{job=\"gan\"}"));
}

TEST(Metrics, OfAJobThatComesBackStartAnew) {
  const auto metrics = fed(true);
  metrics->record({.kind = EventKind::job_started, .job = "gan", .cores = 1});
  EXPECT_THAT(metrics->text(), HasSubstr("troupe_job_state{job=\"gan\",state=\"running\"} 1"));
}

TEST(Metrics, SayWhichPortIsTakenAndWhichKeyToChange) {
  const auto first = Metrics::open(0);
  ASSERT_TRUE(first) << first.error().text();
  EXPECT_GT((*first)->port(), 0);
  const auto second = Metrics::open((*first)->port());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::bad_config);
  EXPECT_THAT(second.error().text(),
              HasSubstr("cluster.metrics_port: error: the port is in use (given " +
                        std::to_string((*first)->port()) + "; allowed a free port, 0 for any, -1 for none)"));
}

TEST(Metrics, TellWhatDevicesTellWhenAsked) {
  const auto metrics = Metrics::open(-1);
  DeviceSample now{.watts = 310, .memory_used = gib(1)};
  (*metrics)->watch(
      {{"n:gpu0", "H100", [&now] { return now; }}, {"n:gpu1", "H100", [] { return DeviceSample{}; }}});
  EXPECT_THAT((*metrics)->text(), HasSubstr("troupe_gpu_power_watts{gpu=\"n:gpu0\",model=\"H100\"} 310\n"));
  EXPECT_THAT((*metrics)->text(),
              HasSubstr("troupe_gpu_memory_used_bytes{gpu=\"n:gpu0\",model=\"H100\"} 1073741824\n"));
  for (const char* untold : {"gpu1", "troupe_gpu_throttled", "troupe_gpu_busy_ratio"})
    EXPECT_THAT((*metrics)->text(), Not(HasSubstr(untold)));
  now = {.busy_ratio = 0.5, .throttled_by = {"heat (by hardware)", "its power limit"}};
  EXPECT_THAT((*metrics)->text(), HasSubstr("troupe_gpu_busy_ratio{gpu=\"n:gpu0\",model=\"H100\"} 0.5\n"));
  for (const auto& reason : now.throttled_by)
    EXPECT_THAT((*metrics)->text(), HasSubstr("reason=\"" + reason + "\"} 1\n"));
  EXPECT_THAT((*metrics)->text(), Not(HasSubstr("troupe_gpu_power_watts{")));
}

TEST(Metrics, AreServedOnLoopbackAlone) {
  const auto metrics = Metrics::open(0);
  ASSERT_TRUE(metrics);
  const auto connects = [&](std::uint32_t address) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>((*metrics)->port()));
    to.sin_addr.s_addr = htonl(address);
    const bool yes = ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
    ::close(fd);
    return yes;
  };
  EXPECT_TRUE(connects(INADDR_LOOPBACK));
  EXPECT_FALSE(connects(INADDR_LOOPBACK + 1));  // 127.0.0.2: not the address it is bound to
}

}  // namespace
}  // namespace troupe
