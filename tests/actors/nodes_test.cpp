// A head and nodes in processes of their own, but for the process: each has its actor system, its data plane
// and its copies, and they speak over loopback.
#include <gmock/gmock.h>

#include "actors/node_process.hpp"
#include "tests/actors/harness.hpp"

namespace troupe::toy {
namespace {

constexpr double kFailureTimeout = 2;

Options small() {
  return {.generators = 2, .shards = 8, .phases = 2, .steps_per_phase = 150, .parameters = 500};
}

/// The same a good deal slower, so that things can happen while it runs.
Options slow() {
  Options o = small();
  o.steps_per_phase = 600;
  o.work = 20;
  return o;
}

ClusterOptions head_options(const std::filesystem::path& run, Options toy, int cores) {
  auto o = options_of(run, {}, toy, cores);
  o.serve = true;
  o.config.cluster.port = 0;
  o.config.cluster.metrics_port = -1;
  o.config.cluster.unencrypted = true;
  o.config.cluster.failure_timeout_seconds = kFailureTimeout;
  o.config.nodes.front().name = "head";
  return o;
}

std::unique_ptr<NodeProcess> node_with(ProgramFactory make, const Cluster& head, const std::string& name,
                                       int cores, const std::filesystem::path& runs) {
  NodeProcessOptions o;
  o.cluster = "troupe";
  o.node.name = name;
  o.head.port = head.port();
  o.runs = runs;
  o.device = device_of(cores);
  o.kinds["toy"] = std::move(make);
  o.say = [](const std::string&) {};
  o.log = quiet_log();
  auto started = NodeProcess::start(std::move(o));
  if (!started) {
    ADD_FAILURE() << started.error().text();
    return nullptr;
  }
  if (const auto joined = (*started)->join(); !joined) ADD_FAILURE() << joined.error().text();
  return std::move(*started);
}

std::unique_ptr<NodeProcess> node(const Cluster& head, const std::string& name, Options toy, int cores,
                                  const std::filesystem::path& runs) {
  return node_with(factory(toy), head, name, cores, runs);
}

void submit(Cluster& head, JobConfig job) {
  ask(head, "submit", {{"toml", to_toml(job)}, {"file", "job.toml"}});
}

JobConfig wide_job(int min_cores) {
  auto job = toy_job("wide");
  job.target_step_seconds = 1e-4;  // as many cores as it may have
  job.min_cores = min_cores;
  return job;
}

Bits alone(Options toy) {
  const TempFolder folder;
  auto cluster = start(options_of(folder / "run", {wide_job(1)}, toy));
  if (!cluster) return {};
  return bits_of(folder / "run", wait_for(*cluster, "wide", over));
}

std::set<std::string> nodes_of(const nlohmann::json& job) {
  std::set<std::string> names;
  for (const auto& slice : job["slices"]) names.insert(slice["node"].get<std::string>());
  return names;
}
auto runs_on(std::size_t nodes) {
  return [nodes](const nlohmann::json& job) {
    return over(job) || (job["state"] == "running" && nodes_of(job).size() == nodes && job["step"] > 20);
  };
}

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
