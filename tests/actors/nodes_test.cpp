// A head and nodes in processes of their own, but for the process: each has its actor system, its data plane
// and its copies, and they speak over loopback.
#include <gmock/gmock.h>

#include "tests/actors/nodes.hpp"

namespace troupe::toy {
namespace {

TEST(Nodes, AJobOverThreeHasTheBitsOfOne) {
  const Bits expected = alone(small());
  const TempFolder folder;
  auto head = start(head_options(folder / "run", small(), 1));
  ASSERT_TRUE(head);
  const auto a = node(*head, "a", small(), 2, folder / "a"), b = node(*head, "b", small(), 1, folder / "b");
  submit(*head, wide_job(4));
  const auto job = wait_for(*head, "wide", over);
  ASSERT_EQ(job["state"], "finished") << job.dump(2);
  EXPECT_EQ(bits_of(folder / "run", job), expected);
}

TEST(Nodes, ANodeThatJoinsTakesPart) {
  const Bits expected = alone(slow());
  const TempFolder folder;
  auto head = start(head_options(folder / "run", slow(), 1));
  ASSERT_TRUE(head);
  submit(*head, wide_job(1));
  wait_for(*head, "wide", runs_on(1));
  const auto a = node(*head, "a", slow(), 2, folder / "a");
  const auto wider = wait_for(*head, "wide", runs_on(2));
  EXPECT_EQ(wider["state"], "running") << "it was over before the node took part";
  const auto job = wait_for(*head, "wide", over);
  ASSERT_EQ(job["state"], "finished") << job.dump(2);
  EXPECT_EQ(bits_of(folder / "run", job), expected);
}

TEST(Nodes, ANodeThatCannotOpenAJobIsLeftOut) {
  const Bits expected = alone(slow());
  const TempFolder folder;
  auto head = start(head_options(folder / "run", slow(), 1));
  ASSERT_TRUE(head);
  const auto no_disk = [](const ProgramContext&) -> Result<std::shared_ptr<Program>> {
    return fail({.code = ErrorCode::io, .what = "no space left on device"});
  };
  auto a = node_with(no_disk, *head, "a", 2, folder / "a");
  const auto b = node(*head, "b", slow(), 1, folder / "b");
  submit(*head, wide_job(1));
  EXPECT_EQ(nodes_of(wait_for(*head, "wide", runs_on(2))), (std::set<std::string>{"b", "head"}));
  EXPECT_THAT(slurp(folder / "run" / "journal.jsonl"),
              testing::HasSubstr("goes on without node a until that joins again: "));
  a.reset();
  a = node(*head, "a", slow(), 2, folder / "a");
  EXPECT_EQ(wait_for(*head, "wide", runs_on(3))["state"], "running") << "it was over before a took part";
  const auto job = wait_for(*head, "wide", over);
  ASSERT_EQ(job["state"], "finished") << job.dump(2);
  EXPECT_EQ(bits_of(folder / "run", job), expected);
}

TEST(Nodes, ANodesLossCostsNoStep) {
  const Bits expected = alone(slow());
  const TempFolder folder;
  auto head = start(head_options(folder / "run", slow(), 1));
  ASSERT_TRUE(head);
  auto a = node(*head, "a", slow(), 1, folder / "a"), b = node(*head, "b", slow(), 1, folder / "b");
  submit(*head, wide_job(1));
  EXPECT_EQ(wait_for(*head, "wide", runs_on(3))["state"], "running");
  a.reset();
  EXPECT_EQ(wait_for(*head, "wide", runs_on(2))["state"], "running");
  a = node(*head, "a", slow(), 1, folder / "a");
  EXPECT_EQ(wait_for(*head, "wide", runs_on(3))["state"], "running");
  const auto job = wait_for(*head, "wide", over);
  ASSERT_EQ(job["state"], "finished") << job.dump(2);
  EXPECT_EQ(bits_of(folder / "run", job), expected);
  EXPECT_THAT(slurp(folder / "run" / "journal.jsonl"), testing::HasSubstr("\"recovered\""));
}

TEST(Nodes, AJobThatHasNoCoreOnTheHeadIsCheckpointedThere) {
  const Bits expected = alone(slow());
  const TempFolder folder;
  auto head = start(head_options(folder / "run", slow(), 1));
  ASSERT_TRUE(head);
  const auto a = node(*head, "a", slow(), 3, folder / "a");
  auto job = wide_job(3);  // more than the head has, as many as the node
  job.max_cores = 3;
  submit(*head, job);
  EXPECT_EQ(nodes_of(wait_for(*head, "wide", runs_on(1))), std::set<std::string>{"a"});
  const auto end = wait_for(*head, "wide", over);
  ASSERT_EQ(end["state"], "finished") << end.dump(2);
  EXPECT_EQ(bits_of(folder / "run", end), expected);
  EXPECT_TRUE(end["checkpoint"].is_string()) << end.dump(2);
}

TEST(Nodes, ACopyOfAnEarlierRunIsNotTakenForThisOnes) {
  const Bits expected = alone(slow());
  const TempFolder folder;
  auto first = start(head_options(folder / "first", slow(), 1));
  ASSERT_TRUE(first);
  const int port = first->port();
  const auto a = node(*first, "a", slow(), 1, folder / "a");
  submit(*first, wide_job(1));
  wait_for(*first, "wide", [](const nlohmann::json& job) { return over(job) || job["phase"] == "p1"; });
  EXPECT_EQ(wait_for(*first, "wide", runs_on(2))["state"], "running");
  first.reset();
  auto options = head_options(folder / "second", slow(), 1);
  options.config.cluster.port = port;
  auto second = start(std::move(options));
  ASSERT_TRUE(second);
  const auto joined = a->join();
  ASSERT_TRUE(joined) << joined.error().text();
  submit(*second, wide_job(1));
  EXPECT_EQ(wait_for(*second, "wide", runs_on(2))["state"], "running");
  const auto job = wait_for(*second, "wide", over);
  ASSERT_EQ(job["state"], "finished") << job.dump(2);
  EXPECT_EQ(bits_of(folder / "second", job), expected);
}

TEST(Nodes, ANodeIsNotLetInWhereTheFileDoesNotSaySo) {
  const TempFolder folder;
  auto options = head_options(folder / "run", small(), 1);
  options.config.cluster.unencrypted = false;
  auto head = start(std::move(options));
  ASSERT_TRUE(head);
  NodeProcessOptions o;
  o.cluster = "troupe";
  o.node.name = "a";
  o.head.port = head->port();
  o.device = device_of(1);
  o.say = [](const std::string&) {};
  o.log = quiet_log();
  auto process = NodeProcess::start(std::move(o));
  ASSERT_TRUE(process) << process.error().text();
  const auto joined = (*process)->join();
  ASSERT_FALSE(joined);
  EXPECT_EQ(joined.error().code, ErrorCode::bad_config);
  EXPECT_THAT(joined.error().text(), testing::HasSubstr("takes no nodes"));
}

}  // namespace
}  // namespace troupe::toy
