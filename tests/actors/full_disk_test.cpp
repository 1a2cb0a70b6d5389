// A disk that is full: steps go on, what was to be written waits or is told, nothing is lost in silence.
#include <gmock/gmock.h>

#include "tests/actors/harness.hpp"
#include "tests/full_disk.hpp"

namespace troupe::toy {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr std::size_t kDisk = 4 << 20;
constexpr rlim_t kLongestFile = 2000;  // where no disk may be mounted
const Options kEndless{.phases = 1, .steps_per_phase = 10'000'000};

auto past(std::int64_t step) {
  return [step](const nlohmann::json& j) { return over(j) || j["step"].get<std::int64_t>() > step; };
}

/// Waits until an event of this kind has this text in it.
void wait_for_event(Cluster& cluster, EventKind kind, const std::string& text) {
  std::int64_t next = 0;
  wait_for(cluster, "toy", [&](const nlohmann::json& j) {
    const auto batch = ask(cluster, "events", {{"after", next}});
    next = batch["next"].get<std::int64_t>();
    for (const auto& e : batch["events"])
      if (e["event"] == to_string(kind) && e.value("text", "").find(text) != std::string::npos) return true;
    EXPECT_FALSE(over(j)) << j.dump(2);
    return over(j);
  });
}

/// How many rows losses.csv has; each must be the next step's, with its loss to the last digit.
std::int64_t whole_rows(const std::filesystem::path& run) {
  std::ifstream in(run / "toy" / "losses.csv");
  std::string line;
  std::getline(in, line);
  EXPECT_EQ(line, "step,loss");
  std::int64_t step = 0;
  for (; std::getline(in, line); ++step) {
    EXPECT_EQ(line.substr(0, line.find(',')), std::to_string(step));
    EXPECT_EQ(std::count(line.begin(), line.end(), ','), 1) << line;
    if (testing::Test::HasFailure()) break;
  }
  return step;
}

TEST(FullDisk, StepsGoOnAndEveryRowAndEventIsThereAfterwards) {
  TempFolder folder;
  const auto run = folder.path() / "run";
  test::SmallDisk disk(run, kDisk);
  auto cluster = start(options_of(run, {toy_job("toy")}, kEndless, 1));
  const auto before = wait_for(*cluster, "toy", past(50))["step"].get<std::int64_t>();
  disk.fill(0, kLongestFile);
  wait_for_event(*cluster, EventKind::warning, "losses.csv: error: can't write");
  const auto after = wait_for(*cluster, "toy", past(before + 500));
  EXPECT_EQ(after["state"], "running") << after.dump(2);
  disk.make_room();
  const auto stopped = ask(*cluster, "stop", {{"job", "toy"}});
  EXPECT_EQ(whole_rows(run), stopped["step"].get<std::int64_t>());
  ask(*cluster, "shutdown");
  const auto events = read_journal(run / "journal.jsonl");
  ASSERT_TRUE(events) << events.error().text();
  int warnings = 0;
  for (const auto& e : *events) warnings += e.kind == EventKind::warning;
  EXPECT_GE(warnings, 1);
  EXPECT_LE(warnings, 3) << "told once, not at every row";
}

class LastCheckpoint : public ::testing::TestWithParam<const char*> {};

TEST_P(LastCheckpoint, ThatDoesNotFitFailsTheJobAndResumeGoesOnFromTheOneBefore) {
  TempFolder folder;
  const auto run = folder.path() / "run";
  test::SmallDisk disk(run, kDisk);
  const auto begin = [&](bool resume) {
    auto options = options_of(run, {toy_job("toy")}, kEndless, 1);
    options.resume = resume;
    return start(std::move(options));
  };
  const std::string verb = GetParam();
  const nlohmann::json whom = verb == "stop" ? nlohmann::json{{"job", "toy"}} : nlohmann::json::object();
  auto cluster = begin(false);
  wait_for(*cluster, "toy", past(20));
  const auto first = ask(*cluster, "stop", {{"job", "toy"}})["step"].get<std::int64_t>();
  cluster.reset();

  cluster = begin(true);
  wait_for(*cluster, "toy", past(first + 20));
  disk.fill(0, kLongestFile);
  const auto reply = cluster->request(verb, whom);
  std::string told;
  if (verb == "stop") {
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, ErrorCode::io);
    told = reply.error().text();
  } else {
    ASSERT_TRUE(reply) << reply.error().text() << "\n" << ask(*cluster, "show", {{"job", "toy"}}).dump(2);
    ASSERT_EQ((*reply)["failed"].size(), 1u);
    EXPECT_EQ((*reply)["failed"][0]["name"], "toy");
    told = (*reply)["failed"][0]["error"].get<std::string>();
  }
  EXPECT_THAT(told, HasSubstr("the last checkpoint could not be written"));
  EXPECT_THAT(told, AnyOf(HasSubstr("No space left on device"), HasSubstr("File too large")));
  EXPECT_THAT(told, HasSubstr("troupe resume"));
  EXPECT_EQ(ask(*cluster, "show", {{"job", "toy"}})["state"], "failed");
  disk.make_room();
  cluster.reset();
  const auto found = CheckpointStore(run / "toy" / "checkpoints", 2).latest();
  ASSERT_TRUE(found) << found.error().text();
  EXPECT_EQ(found->manifest.step, first);

  cluster = begin(true);
  wait_for(*cluster, "toy", past(first + 40));
  const auto last = ask(*cluster, "stop", {{"job", "toy"}})["step"].get<std::int64_t>();
  EXPECT_GT(last, first);
  EXPECT_EQ(whole_rows(run), last);
}
INSTANTIATE_TEST_SUITE_P(On, LastCheckpoint, ::testing::Values("stop", "shutdown"));

TEST(FullDisk, AJobThatEndsThereHasFailed) {
  TempFolder folder;
  const auto run = folder.path() / "run";
  test::SmallDisk disk(run, kDisk);
  auto cluster = start(options_of(run, {}, {.phases = 1, .steps_per_phase = 300}, 1));
  disk.fill(64 << 10, kLongestFile);  // room for its folder and rows, none for its networks
  ask(*cluster, "submit", {{"toml", to_toml(toy_job("toy"))}, {"file", "toy.toml"}});
  const auto end = wait_for(*cluster, "toy", over);
  EXPECT_EQ(end["state"], "failed") << "its networks were never written: " << end.dump(2);
  EXPECT_THAT(end["error"].get<std::string>(), HasSubstr("the last checkpoint could not be written"));
  for (const auto& entry : std::filesystem::directory_iterator(run / "toy" / "checkpoints"))
    ADD_FAILURE() << "half a checkpoint takes room on a full disk: " << entry.path();
}

TEST(DamagedCheckpoints, AreToldEvenWhereNoneIsWhole) {
  TempFolder folder;
  const auto begin = [&](bool resume) {
    auto options = options_of(folder.path(), {toy_job("toy")}, kEndless, 1);
    options.resume = resume;
    return start(std::move(options));
  };
  auto cluster = begin(false);
  wait_for(*cluster, "toy", past(20));
  ask(*cluster, "shutdown");
  cluster.reset();
  for (const auto& entry : std::filesystem::directory_iterator(folder.path() / "toy" / "checkpoints"))
    std::filesystem::resize_file(entry.path() / "discriminator.safetensors", 10);
  cluster = begin(true);
  wait_for_event(*cluster, EventKind::checkpoint_skipped, "truncated");
  wait_for(*cluster, "toy", past(5));
  const auto stopped = ask(*cluster, "stop", {{"job", "toy"}});
  EXPECT_EQ(whole_rows(folder.path()), stopped["step"].get<std::int64_t>());
}

}  // namespace
}  // namespace troupe::toy
