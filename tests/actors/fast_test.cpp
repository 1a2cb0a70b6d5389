// Jobs with reduction = "fast" over a head and nodes.
#include <gmock/gmock.h>

#include "gpu/gloo_sum.hpp"
#include "tests/actors/nodes.hpp"

namespace troupe::toy {
namespace {

JobConfig fast_job(int min_cores) {
  auto job = wide_job(min_cores);
  job.reduction = SumOrder::fast;
  return job;
}

/// Sums that are large enough to go fast.
Options large() {
  Options o = small();
  o.parameters = 300'000;
  o.steps_per_phase = 20;
  return o;
}
Options longer() {
  Options o = large();
  o.steps_per_phase = 100;
  return o;
}

std::vector<double> losses(const Bits& bits) {
  std::vector<double> all;
  std::istringstream lines(bits.losses);
  std::string line, cell;
  std::size_t at = 0;
  std::getline(lines, line);
  std::istringstream names(line);
  for (std::size_t i = 0; std::getline(names, cell, ','); ++i)
    if (cell == "loss") at = i;
  EXPECT_GT(at, 0U) << line;
  while (std::getline(lines, line)) {
    std::istringstream cells(line);
    for (std::size_t i = 0; i <= at; ++i) std::getline(cells, cell, ',');
    all.push_back(std::stod(cell));
  }
  return all;
}

TEST(FastNodes, AJobOverThreeComesNearTheExactOne) {
  const Bits bits = alone(large());
  const auto exact = losses(bits);
  const TempFolder folder;
  const auto gloo = gloo_sums();
  auto head = start(head_options(folder / "run", large(), 1, gloo));
  ASSERT_TRUE(head);
  const auto a = node(*head, "a", large(), 2, folder / "a", gloo);
  const auto b = node(*head, "b", large(), 1, folder / "b", gloo);
  submit(*head, fast_job(4));
  const auto job = wait_for(*head, "wide", over);
  ASSERT_EQ(job["state"], "finished") << job.dump(2);
  const Bits fast_bits = bits_of(folder / "run", job);
  const auto fast = losses(fast_bits);
  ASSERT_EQ(fast.size(), exact.size());
  ASSERT_EQ(fast.size(), 40U);
  double most = 0;
  for (std::size_t i = 0; i < fast.size(); ++i)
    most = std::max(most, std::abs(fast[i] - exact[i]) / (1 + std::abs(exact[i])));
  EXPECT_LT(most, 1e-3);
  EXPECT_NE(fast_bits.hash, bits.hash) << "another order has other bits";
}

TEST(FastNodes, AJobOnOneNodeHasTheExactBits) {
  const TempFolder folder;
  auto head = start(head_options(folder / "run", small(), 2));
  ASSERT_TRUE(head);
  submit(*head, fast_job(1));
  const auto job = wait_for(*head, "wide", over);
  ASSERT_EQ(job["state"], "finished") << job.dump(2);
  EXPECT_EQ(bits_of(folder / "run", job), alone(small()));
}

TEST(FastNodes, ANodesLossCostsNoStep) {
  const TempFolder folder;
  const auto gloo = gloo_sums();
  auto head = start(head_options(folder / "run", longer(), 1, gloo));
  ASSERT_TRUE(head);
  auto a = node(*head, "a", longer(), 1, folder / "a", gloo);
  const auto b = node(*head, "b", longer(), 1, folder / "b", gloo);
  submit(*head, fast_job(1));
  EXPECT_EQ(wait_for(*head, "wide", runs_on(3))["state"], "running");
  a.reset();
  EXPECT_EQ(wait_for(*head, "wide", runs_on(2))["state"], "running");
  a = node(*head, "a", longer(), 1, folder / "a", gloo);
  EXPECT_EQ(wait_for(*head, "wide", runs_on(3))["state"], "running");
  const auto job = wait_for(*head, "wide", over);
  ASSERT_EQ(job["state"], "finished") << job.dump(2);
  EXPECT_EQ(losses(bits_of(folder / "run", job)).size(), 200U);
  EXPECT_THAT(slurp(folder / "run" / "journal.jsonl"), testing::HasSubstr("\"recovered\""));
}

TEST(FastNodes, AJobFailsInWordsWhereNothingMakesFastSums) {
  const TempFolder folder;
  auto head = start(head_options(folder / "run", small(), 1));
  ASSERT_TRUE(head);
  const auto a = node(*head, "a", small(), 2, folder / "a");
  submit(*head, fast_job(3));
  const auto job = wait_for(*head, "wide", over);
  EXPECT_EQ(job["state"], "failed") << job.dump(2);
  EXPECT_THAT(job["error"].dump(), testing::HasSubstr("no LibTorch"));
}

TEST(FastNodes, AJobIsRefusedWhereTheClusterHasKeys) {
  const TempFolder folder;
  auto options = head_options(folder / "run", small(), 1);
  options.serve = false;
  options.config.cluster.unencrypted = false;
  options.config.cluster.keys = "keys";
  auto head = start(std::move(options));
  ASSERT_TRUE(head);
  const auto refused = head->request("submit", {{"toml", to_toml(fast_job(1))}, {"file", "job.toml"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::bad_config);
  EXPECT_THAT(refused.error().text(), testing::HasSubstr("`reduction` asks for sums over plain TCP"));
}

}  // namespace
}  // namespace troupe::toy
