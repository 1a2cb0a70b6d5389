// Jobs on GPUs of nodes that joined: heads and nodes as in nodes_test.cpp, "GPUs" as in gpu_test.cpp.
#include <gmock/gmock.h>

#include "tests/actors/gpu_cluster.hpp"
#include "tests/actors/own_head.hpp"

namespace troupe::toy {
namespace {

using testing::HasSubstr;
using testing::Not;

/// Long enough for something to happen while it runs.
JobConfig long_job(const std::string& name = "gan", std::int64_t seed = 5) {
  JobConfig job = gpu_job(name, seed);
  job.gan.images = {480};
  job.data.path = "/";  // a file wants one; the test's images are not from there
  return job;
}

ClusterOptions head_with(const std::filesystem::path& run, const std::vector<const HostGpu*>& gpus = {}) {
  auto o = head_options(run, {}, 1);
  const auto of_gpus = gpu_options(run, {}, gpus);
  o.gpus = of_gpus.gpus;
  o.thread_setup = of_gpus.thread_setup;
  o.kinds = of_gpus.kinds;
  return o;
}

/// Of one core, which takes no part.
std::unique_ptr<NodeProcess> gpu_node(const Cluster& head, const std::string& name,
                                      const std::vector<const HostGpu*>& gpus,
                                      const std::filesystem::path& runs) {
  auto o = node_options(head.port(), name, 1, runs);
  const auto of_gpus = gpu_options(runs, {}, gpus);
  o.gpus = of_gpus.gpus;
  o.thread_setup = of_gpus.thread_setup;
  o.kinds = of_gpus.kinds;
  return joined_node(std::move(o));
}

auto steps_on(const std::string& gpu, int steps) {
  return [=](const nlohmann::json& j) {
    return over(j) || (j["state"] == "running" && j["gpu"]["device"] == gpu && j["step"] > steps);
  };
}

/// A head in RUN without a GPU.
class OnANodesGpu : public ::testing::Test {
 protected:
  void SetUp() override {
    head_ = start(head_with(run_));
    ASSERT_TRUE(head_);
  }
  nlohmann::json row_of(const std::string& node) {
    for (const auto& row : ask(*head_, "nodes"))
      if (row["name"] == node) return row;
    return nullptr;
  }
  std::string journal() { return slurp(run_ / "journal.jsonl"); }
  void expect_end(const JobConfig& job) {
    const auto end = wait_for(*head_, job.name, over);
    ASSERT_EQ(end["state"], "finished") << end.dump(2);
    EXPECT_EQ(bits_of(run_, end), alone_on_gpu(job));
  }

  TempFolder folder_;
  std::filesystem::path run_ = folder_ / "run";
  HostGpu first_, second_;  // before the nodes that have slices of them
  std::unique_ptr<Cluster> head_;
};

TEST_F(OnANodesGpu, AJobHasTheBitsThatItHasOnTheHeads) {
  auto a = gpu_node(*head_, "a", {&first_}, folder_ / "a");
  const auto job = gpu_job("gan", 7);
  auto sent = job;
  sent.data.path = "/";
  submit(*head_, sent);
  const auto running = wait_for(*head_, "gan", steps_on("a:gpu0", 2));
  EXPECT_EQ(running["state"], "running") << running.dump(2);
  EXPECT_EQ(running["slices"][0]["node"], "a:gpu0");
  EXPECT_EQ(running["gpu"]["sms"], running["cores"] == 16 ? 132 : running["cores"].get<int>() * 8);
  EXPECT_GT(running["held"].get<std::int64_t>(), 0) << "of the device's memory";
  EXPECT_EQ(row_of("a")["gpus"][0]["name"], "a:gpu0");
  EXPECT_EQ(row_of("a")["gpus"][0]["jobs"], nlohmann::json({"gan"}));
  EXPECT_EQ(row_of("a")["jobs"], nlohmann::json({"gan"}));
  EXPECT_EQ(ask(*head_, "status")["gpus"][0]["name"], "a:gpu0");
  expect_end(sent);
  ask(*head_, "shutdown");  // all is written
  EXPECT_TRUE(std::filesystem::exists(run_ / "gan" / "grids" / "16x16.png"));
  EXPECT_TRUE(std::filesystem::exists(run_ / "gan" / "samples" / "generator1-0001.png"));
  a.reset();
  EXPECT_EQ(first_.left(), 0U);
  Event last;
  const auto events = read_journal(run_ / "journal.jsonl").value();
  for (const auto& e : events)
    if (e.kind == EventKind::slice_sampled && e.cores > 0) last = e;
  EXPECT_EQ(last.node, "a:gpu0");
  EXPECT_GT(last.sms, 0);
  EXPECT_GT(last.held, Bytes{});
  EXPECT_GT(last.busy_seconds, 0);
}

TEST_F(OnANodesGpu, TwoJobsAreResizedBesideEachOtherWithTheirBits) {
  const auto a = gpu_node(*head_, "a", {&first_}, folder_ / "a");
  const auto one = long_job("one"), two = long_job("two", 6);
  submit(*head_, one);
  submit(*head_, two);
  std::set<int> sms;
  int asked = 0;
  wait_for(*head_, "one", [&](const nlohmann::json& j) {
    if (j["state"] == "running") sms.insert(j["gpu"]["sms"].get<int>());
    if (j["state"] == "running")  // refused where the job ended since it was looked at
      (void)head_->request("resize", {{"job", "one"}, {"cores", 1 + asked++ % 5 * 3}});
    std::multiset<int> pieces;
    for (const auto& [name, decision] : ask(*head_, "plan")["jobs"].items())
      for (const auto& grant : decision["grants"])
        for (const auto& piece : grant["cores"]) pieces.insert(piece.get<int>());
    for (const int piece : pieces) EXPECT_EQ(pieces.count(piece), 1U);
    return over(j);
  });
  EXPECT_GT(sms.size(), 2U);
  expect_end(one);
  expect_end(two);
}

TEST_F(OnANodesGpu, ALostNodesJobGoesToAnotherGpuOfItsModel) {
  auto a = gpu_node(*head_, "a", {&first_}, folder_ / "a");
  const auto job = long_job();
  submit(*head_, job);
  EXPECT_EQ(wait_for(*head_, "gan", steps_on("a:gpu0", 20))["state"], "running");
  const auto b = gpu_node(*head_, "b", {&second_}, folder_ / "b");
  a.reset();
  EXPECT_EQ(wait_for(*head_, "gan", steps_on("b:gpu0", 0))["state"], "running");
  EXPECT_EQ(row_of("a")["gpus"][0]["state"], "lost");
  expect_end(job);
  EXPECT_THAT(journal(), HasSubstr("goes to b:gpu0, as a:gpu0 is gone"));
  EXPECT_THAT(journal(), HasSubstr("\"recovered\""));
}

TEST_F(OnANodesGpu, AnotherModelIsNoneAndTheJobWaitsInWordsUntilItsNodeIsBack) {
  auto a = gpu_node(*head_, "a", {&first_}, folder_ / "a");
  second_.device.model = "Another";
  const auto b = gpu_node(*head_, "b", {&second_}, folder_ / "b");
  const auto job = long_job();
  submit(*head_, job);
  EXPECT_EQ(wait_for(*head_, "gan", steps_on("a:gpu0", 20))["state"], "running");
  a.reset();
  const auto waits = wait_for(*head_, "gan", [](const nlohmann::json& j) {
    return over(j) || (j["state"] == "parked" && j["reason"].get<std::string>().find("waits") == 0);
  });
  EXPECT_THAT(waits["reason"].get<std::string>(),
              HasSubstr("waits for a GPU of model Fake: node a is lost, and no other with one is there"));
  a = gpu_node(*head_, "a", {&first_}, folder_ / "a");
  EXPECT_EQ(wait_for(*head_, "gan", steps_on("a:gpu0", 0))["state"], "running");
  expect_end(job);
}

TEST_F(OnANodesGpu, ANodeThatComesBackHasKeptTheNewestCopy) {
  const auto a = gpu_node(*head_, "a", {&first_}, folder_ / "a");
  const auto b = gpu_node(*head_, "b", {&second_}, folder_ / "b");
  const auto job = long_job();
  submit(*head_, job);
  EXPECT_EQ(wait_for(*head_, "gan", steps_on("a:gpu0", 20))["state"], "running");
  ASSERT_TRUE(a->join()) << "its connection breaks, and it knocks anew";
  expect_end(job);
  EXPECT_THAT(journal(), HasSubstr("a new process of that name came"));
  EXPECT_THAT(journal(), Not(HasSubstr("no copy of step"))) << "nothing is done again";
}

TEST_F(OnANodesGpu, ADrainedNodesJobTakesItsStateAlong) {
  const auto a = gpu_node(*head_, "a", {&first_}, folder_ / "a");
  const auto job = long_job();
  submit(*head_, job);
  EXPECT_EQ(wait_for(*head_, "gan", steps_on("a:gpu0", 20))["state"], "running");
  const auto b = gpu_node(*head_, "b", {&second_}, folder_ / "b");
  ask(*head_, "drain", {{"node", "a"}});
  EXPECT_EQ(row_of("a")["gpus"][0]["state"], "drained");
  const auto moved = wait_for(*head_, "gan", steps_on("b:gpu0", 20));
  EXPECT_EQ(moved["state"], "running") << moved.dump(2);
  // and back: b's jobs have nowhere else to go
  ask(*head_, "drain", {{"node", "a"}, {"undo", true}});
  ask(*head_, "drain", {{"node", "b"}});
  EXPECT_EQ(wait_for(*head_, "gan", steps_on("a:gpu0", 20))["state"], "running");
  expect_end(job);
  EXPECT_THAT(journal(), Not(HasSubstr("no copy of step"))) << "nothing is done again";
}

TEST_F(OnANodesGpu, ANodeThatCannotOpenTheJobIsPassedOver) {
  auto broken = node_options(head_->port(), "a", 1, folder_ / "a");
  broken.gpus = {first_.device};
  broken.kinds["gan"] = [](const ProgramContext&) -> Result<std::shared_ptr<Program>> {
    return fail({.code = ErrorCode::io, .what = "no space left on device"});
  };
  const auto a = joined_node(std::move(broken));
  const auto b = gpu_node(*head_, "b", {&second_}, folder_ / "b");
  auto job = gpu_job("gan", 7);
  job.data.path = "/";
  submit(*head_, job);
  expect_end(job);
  EXPECT_THAT(journal(), HasSubstr("no space left on device"));
  EXPECT_THAT(journal(), HasSubstr("goes to b:gpu0"));
}

TEST_F(OnANodesGpu, WhatItsDriverRefusesEndsTheJobInWords) {
  first_.driver->alone([](test::HostDriver& d) { d.fail_name = "make_context"; });
  const auto a = gpu_node(*head_, "a", {&first_}, folder_ / "a");
  auto job = gpu_job("gan", 7);
  job.data.path = "/";
  submit(*head_, job);
  const auto end = wait_for(*head_, "gan", over);
  EXPECT_EQ(end["state"], "failed");
  EXPECT_THAT(end["error"].get<std::string>(), HasSubstr("make_context failed"));
}

TEST_F(OnANodesGpu, ItsWallIsHitByItsJobAlone) {
  const auto a = gpu_node(*head_, "a", {&first_}, folder_ / "a");
  auto job = gpu_job("small", 7);
  job.data.path = "/";
  job.memory = mib(1);
  job.gan.fmap_base = 512;
  job.gan.fmap_max = 64;
  submit(*head_, job);
  const auto hit = wait_for(*head_, "small", over);
  EXPECT_EQ(hit["state"], "failed");
  for (const char* part : {"job small", "1 MiB", "held"})
    EXPECT_THAT(hit["error"].get<std::string>(), HasSubstr(part));
}

TEST_F(OnANodesGpu, AJobThatGivesWayLeavesThePiecesToWhoGetsThem) {
  HostGpu small({.sms = 8});  // one piece
  const auto a = gpu_node(*head_, "a", {&small}, folder_ / "a");
  auto low = long_job("low"), high = gpu_job("high", 7);
  high.priority = 10;
  high.data.path = "/";
  submit(*head_, low);
  EXPECT_EQ(wait_for(*head_, "low", steps_on("a:gpu0", 2))["state"], "running");
  submit(*head_, high);
  const auto parked =
      wait_for(*head_, "low", [](const nlohmann::json& j) { return over(j) || j["state"] == "parked"; });
  EXPECT_EQ(parked["state"], "parked");
  EXPECT_GT(parked["held"].get<std::int64_t>(), 0) << "its state stays there";
  expect_end(high);
  expect_end(low);
}

/// No test of its own: the one below starts this program again with it, as a head that can be killed.
TEST(LostHeadOfAGpu, DISABLED_InAProcessOfItsOwn) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const char* order = std::getenv(kHeadOrder);
  ASSERT_TRUE(order) << "this is started by another test";
  const auto json = nlohmann::json::parse(order);
  const auto head = start(head_with(json.at("run").get<std::string>()));
  ASSERT_TRUE(head);
  while (ask(*head, "status")["gpus"].empty())
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // between two looks, not for an outcome
  submit(*head, parse_job(json.at("job").get<std::string>(), "job.toml").value());
  for (;;) ::pause();
}

TEST(LostHeadOfAGpu, TheNextOneGoesOnFromTheNodesCopyOnItsModel) {
  TempFolder folder;
  const auto run = folder / "run";
  const auto job = long_job();
  HostGpu gpu, other;
  other.device.model = "Another";
  std::unique_ptr<NodeProcess> a;
  int port = 0;
  std::int64_t rows = 0;
  {
    OwnHead head({run, job, 1}, "LostHeadOfAGpu.DISABLED_InAProcessOfItsOwn");
    port = head.port();
    auto o = node_options(port, "a", 1, folder / "a");
    o.gpus = {gpu.device};
    o.kinds = gpu_options(folder / "a", {}, {}).kinds;
    o.thread_setup = use_one_torch_thread;
    a = joined_node(std::move(o));
    head.until("rows", [&] { return (rows = count_losses(run / job.name / "losses.csv")) > 20; });
    head.kill();
    head.until("a node without a head", [&] { return !a->joined(); });
    head.until("a copy that holds nothing of the GPU", [&] { return gpu.left() == 0; });
  }
  EXPECT_EQ(slurp(run / job.name / "gpu"), "Fake\n");
  auto options = head_with(run, {&other});
  options.config.cluster.port = port;
  options.config.cluster.failure_timeout_seconds = 20;  // nobody is to be lost for being slow
  options.config.jobs = {job};
  options.resume = true;
  const auto head = start(std::move(options));
  ASSERT_TRUE(head) << "its GPU has not joined yet";
  ASSERT_TRUE(a->join());
  const auto running = wait_for(*head, "gan", steps_on("a:gpu0", 0));
  EXPECT_EQ(running["state"], "running") << running.dump(2);
  EXPECT_GE(running["step"].get<std::int64_t>(), rows) << "nothing is done again";
  const auto end = wait_for(*head, "gan", over);
  EXPECT_EQ(end["state"], "finished") << end.dump(2);
  EXPECT_EQ(bits_of(run, end), alone_on_gpu(job));
}

}  // namespace
}  // namespace troupe::toy
