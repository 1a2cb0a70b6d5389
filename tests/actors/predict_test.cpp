// Predictions in a running cluster: of the first plan, beside what came of them, and kept for the next run.
#include <gmock/gmock.h>

#include "actors/predictor.hpp"
#include "base/files.hpp"
#include "tests/actors/harness.hpp"
#include "tests/predict/rates.hpp"

namespace troupe::toy {
namespace {

using ::testing::HasSubstr;

class Predicting : public ::testing::Test {
 protected:
  ClusterOptions options(Options toy, int cores = 1) {
    auto job = toy_job("a");
    job.max_cores = cores;
    auto o = options_of(run.path(), {job}, toy, cores);
    o.make_rates = [](const CpuDevice&, const std::filesystem::path& runs) {
      return std::make_shared<RatesSource>(runs / ".rates.json", "even",
                                           [] { return troupe::testing::even_rates(); });
    };
    return o;
  }
  std::filesystem::path learned() const { return run.path() / "runs" / kCorrectionFile; }
  /// Runs the job to its end; every event of it.
  std::vector<Event> run_through(ClusterOptions o) {
    auto cluster = start(std::move(o));
    if (!cluster) return {};
    shown = wait_for(*cluster, "a", over);
    EXPECT_EQ(shown["state"], "finished") << shown.dump(2);
    ask(*cluster, "shutdown");
    cluster.reset();
    const auto events = read_journal(run.path() / "journal.jsonl");
    EXPECT_TRUE(events);
    return events ? *events : std::vector<Event>();
  }
  TempFolder run;
  nlohmann::json shown;
};

TEST_F(Predicting, GivesTheFirstPlanWhatTheJobTells) {
  auto cluster = start(options({.steps_per_phase = 4000, .tells = true}));
  ASSERT_TRUE(cluster);
  const auto job = wait_for(*cluster, "a", [](const auto& j) { return !j["slices"].empty() || over(j); });
  ASSERT_EQ(job["slices"].size(), 1u) << job.dump(2);
  const auto memory = job["slices"][0]["memory"].get<std::int64_t>();
  EXPECT_GE(memory, mib(64).count);
  EXPECT_LT(memory, mib(80).count);  // not a guess of 256
  ask(*cluster, "stop", {{"job", "a"}});
}

TEST_F(Predicting, GuessesForAJobThatCannotTell) {
  auto cluster = start(options({.steps_per_phase = 4000}));
  ASSERT_TRUE(cluster);
  const auto job = wait_for(*cluster, "a", [](const auto& j) { return !j["slices"].empty() || over(j); });
  ASSERT_EQ(job["slices"].size(), 1u) << job.dump(2);
  EXPECT_EQ(job["slices"][0]["memory"], mib(256).count);
  EXPECT_TRUE(job["predicted"].is_null());
  ask(*cluster, "stop", {{"job", "a"}});
}

TEST_F(Predicting, IsToldBesideWhatWasMeasured) {
  const auto events = run_through(options({.steps_per_phase = 200, .work = 4, .tells = true}));
  int told = 0;
  for (const auto& e : events)
    if (e.kind == EventKind::steps && e.predicted_seconds > 0) {
      ++told;
      EXPECT_GE(e.predicted_bytes, mib(64));
      EXPECT_GT(e.seconds, 0);
    }
  EXPECT_GT(told, 0);
  ASSERT_TRUE(shown["predicted"].is_object()) << shown.dump(2);
  EXPECT_GT(shown["predicted"]["step_seconds"], 0);
  EXPECT_EQ(shown["predicted"]["memory"], mib(64 << 2).count);
}

TEST_F(Predicting, TellsWhatAJobCostsAnotherOnItsDevice) {
  auto o = options({.steps_per_phase = 100'000, .tells = true}, 2);
  o.config.jobs.front().max_cores = 1;
  auto cluster = start(std::move(o));
  ASSERT_TRUE(cluster);
  const auto slowdown = [](const auto& j) {
    return j["predicted"].is_object() && !j["predicted"]["slowdown"].is_null();
  };
  const auto alone =
      wait_for(*cluster, "a", [](const auto& j) { return j["predicted"].is_object() || over(j); });
  EXPECT_FALSE(slowdown(alone)) << alone["predicted"].dump();
  auto other = toy_job("b");
  other.max_cores = 1;
  ask(*cluster, "submit", {{"toml", to_toml(other)}, {"file", "b.toml"}});
  const auto beside = wait_for(*cluster, "a", [&](const auto& j) {
    return over(j) || (slowdown(j) && !j["predicted"]["measured_slowdown"].is_null());
  });
  ASSERT_TRUE(slowdown(beside)) << beside.dump(2);
  EXPECT_GE(beside["predicted"]["slowdown"], 0.01);
  EXPECT_GT(beside["predicted"]["measured_slowdown"], 0);
  for (const char* job : {"a", "b"}) ask(*cluster, "stop", {{"job", job}});
}

TEST_F(Predicting, SurvivesTheCluster) {
  run_through(options({.steps_per_phase = 100, .tells = true}));
  std::optional<Error> trouble;
  const auto kept = read_correction(learned(), trouble);
  EXPECT_FALSE(trouble);
  const auto steps = kept.steps({"toy", "p0", 1});
  EXPECT_GT(steps, 0);
  EXPECT_NE(kept.factor({"toy", "p0", 1}), 1);

  std::filesystem::remove(run.path() / "journal.jsonl");
  std::filesystem::remove_all(run.path() / "a");
  run_through(options({.steps_per_phase = 100, .tells = true}));
  EXPECT_GT(read_correction(learned(), trouble).steps({"toy", "p0", 1}), steps);
}

TEST_F(Predicting, RefusesABrokenFileInWordsAndBeginsAnew) {
  run.write(std::filesystem::path("runs") / kCorrectionFile, "{\"format\":1,\"corrections\":[{\"kind\":");
  const auto events = run_through(options({.steps_per_phase = 100, .tells = true}));
  std::string warnings;
  for (const auto& e : events)
    if (e.kind == EventKind::warning) warnings += e.text + "\n";
  EXPECT_THAT(warnings, HasSubstr(kCorrectionFile));
  EXPECT_THAT(warnings, HasSubstr("begun anew"));
  std::optional<Error> trouble;
  EXPECT_FALSE(read_correction(learned(), trouble).empty());
  EXPECT_FALSE(trouble);
}

}  // namespace
}  // namespace troupe::toy
