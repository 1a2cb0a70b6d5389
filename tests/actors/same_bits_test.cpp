// A job's bits depend on its configuration and seed alone.
#include <random>

#include "tests/actors/harness.hpp"

namespace troupe::toy {
namespace {

/// Runs one job alone to its end.
Bits run_alone(const JobConfig& job, Options toy, int cores = 5) {
  TempFolder folder;
  auto cluster = start(options_of(folder.path(), {job}, toy, cores));
  const auto end = wait_for(*cluster, job.name, over);
  EXPECT_EQ(end["state"], "finished") << end.dump(2);
  return bits_of(folder.path(), end);
}

JobConfig over_slices(int slices) {
  auto job = toy_job("toy");
  job.slices = slices;
  job.min_cores = slices;
  job.max_cores = std::max(slices, 1);
  return job;
}

class SameBits : public ::testing::TestWithParam<int> {};

TEST_P(SameBits, HoldForSoManySlices) {
  static const Bits one = run_alone(over_slices(1), {});
  ASSERT_GT(one.losses.size(), 1000u);
  EXPECT_EQ(run_alone(over_slices(GetParam()), {}), one);
}
INSTANTIATE_TEST_SUITE_P(Slices, SameBits, ::testing::Values(1, 2, 3, 5));

TEST(SameBitsAnywhere, HoldForManyCoresInOneSlice) {
  auto wide = toy_job("toy");
  wide.min_cores = 4;
  EXPECT_EQ(run_alone(wide, {}), run_alone(over_slices(1), {}));
}

TEST(SameBitsAnywhere, AnotherSeedGivesOtherBits) {
  auto other = over_slices(1);
  other.seed = 2;
  EXPECT_NE(run_alone(other, {}).hash, run_alone(over_slices(1), {}).hash);
}

TEST(SameBitsAnywhere, HoldUnderRandomResizes) {
  const Options toy{.steps_per_phase = 150};
  const Bits still = run_alone(over_slices(1), toy);
  TempFolder folder;
  auto job = toy_job("toy");
  job.slices = 3;
  auto cluster = start(options_of(folder.path(), {job}, toy));
  std::mt19937 random(7);
  const auto end = wait_for(*cluster, "toy", [&](const nlohmann::json& j) {
    // refused where the job ended since it was looked at
    if (j["state"] == "running")
      (void)cluster->request("resize", {{"job", "toy"}, {"cores", 1 + static_cast<int>(random() % 5)}});
    return over(j);
  });
  EXPECT_EQ(end["state"], "finished");
  EXPECT_GT(end["resizes"].get<int>(), 5);
  EXPECT_EQ(bits_of(folder.path(), end), still);
}

TEST(SameBitsAnywhere, HoldForTwoJobsThatContend) {
  const Options toy{.steps_per_phase = 80};
  auto low = toy_job("low"), high = toy_job("high");
  high.seed = 2;
  high.priority = 10;
  high.min_cores = 2;
  low.target_step_seconds = high.target_step_seconds = 1e-6;  // both want all they can have
  const Bits low_alone = run_alone(low, toy, 2), high_alone = run_alone(high, toy, 2);
  TempFolder folder;
  auto cluster = start(options_of(folder.path(), {low, high}, toy, 2));
  const auto low_end = wait_for(*cluster, "low", over), high_end = wait_for(*cluster, "high", over);
  EXPECT_EQ(bits_of(folder.path(), low_end), low_alone);
  EXPECT_EQ(bits_of(folder.path(), high_end), high_alone);
}

TEST(SameBitsAnywhere, HoldAcrossStopAndResume) {
  const Options toy{.steps_per_phase = 200};
  const Bits undisturbed = run_alone(over_slices(1), toy);
  TempFolder folder;
  auto job = toy_job("toy");
  std::string state = "none";
  int interruptions = 0;
  nlohmann::json end;
  for (std::int64_t stop_at = 30; state != "finished"; stop_at += 170) {
    auto options = options_of(folder.path(), {job}, toy, 2 + interruptions % 3);
    options.resume = interruptions > 0;
    auto cluster = start(std::move(options));
    end = wait_for(*cluster, "toy", [&](const nlohmann::json& j) {
      return over(j) || j["step"].get<std::int64_t>() >= stop_at;
    });
    if (!over(end)) {
      ask(*cluster, "shutdown");
      ++interruptions;
    }
    end = ask(*cluster, "show", {{"job", "toy"}});
    state = end["state"].get<std::string>();
  }
  EXPECT_GE(interruptions, 2);
  EXPECT_EQ(bits_of(folder.path(), end), undisturbed);
}

}  // namespace
}  // namespace troupe::toy
