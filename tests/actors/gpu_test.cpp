// Jobs on slices of a GPU: the real supervisor, conductor and slices over a "GPU" of host memory.
#include <gmock/gmock.h>

#include <future>
#include <set>

#include "base/files.hpp"
#include "tests/actors/gpu_cluster.hpp"

namespace troupe::toy {
namespace {

using testing::HasSubstr;

/// Journal and metrics are fed by the same events.
void expect_told(const std::filesystem::path& run) {
  const auto events = read_journal(run / "journal.jsonl");
  ASSERT_TRUE(events) << events.error().text();
  Event last;
  for (const auto& e : *events)
    if (e.kind == EventKind::slice_sampled && e.cores > 0) last = e;
  EXPECT_EQ(last.node, "local:gpu0");
  EXPECT_EQ(last.sms, last.cores == 16 ? 132 : last.cores * 8);
  EXPECT_GT(last.held, Bytes{});
  EXPECT_LE(last.held, last.peak);
  EXPECT_LE(last.peak, last.budget);
  EXPECT_GT(last.busy_seconds, 0);
}

TEST(OnAGpu, AGanTrainsToItsEndAndGivesAllBack) {
  TempFolder folder;
  HostGpu gpu;
  auto cluster = start(gpu_options(folder.path(), {gpu_job("gan")}, {&gpu}));
  const auto running = wait_for(*cluster, "gan", [](const nlohmann::json& j) {
    return over(j) || (j["state"] == "running" && j["step"] > 2);
  });
  EXPECT_EQ(running["gpu"]["device"], "local:gpu0");
  EXPECT_EQ(running["gpu"]["model"], "Fake");
  EXPECT_EQ(running["gpu"]["sms"], running["cores"] == 16 ? 132 : running["cores"].get<int>() * 8);
  EXPECT_EQ(running["slices"][0]["node"], "local:gpu0");
  EXPECT_GT(running["held"].get<std::int64_t>(), 0) << "of the device's memory";
  EXPECT_EQ(ask(*cluster, "status")["gpus"][0]["jobs"], nlohmann::json({"gan"}));
  const auto end = wait_for(*cluster, "gan", over);
  EXPECT_EQ(end["state"], "finished") << end.dump(2);
  EXPECT_EQ(end["phases"].size(), 3U);
  ask(*cluster, "shutdown");  // all is written
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "gan" / "grids" / "16x16.png"));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "gan" / "samples" / "generator1-0001.png"));
  cluster.reset();
  EXPECT_EQ(gpu.left(), 0U);
  expect_told(folder.path());
}

TEST(OnAGpu, HasTheSameBitsHoweverOftenItIsResized) {
  const auto job = gpu_job("gan");
  const Bits still = alone_on_gpu(job);
  ASSERT_GT(still.losses.size(), 300U);
  TempFolder folder;
  HostGpu gpu;
  auto cluster = start(gpu_options(folder.path(), {job}, {&gpu}));
  int asked = 0;
  std::set<int> sms;
  const auto end = wait_for(*cluster, "gan", [&](const nlohmann::json& j) {
    // refused where the job ended since it was looked at
    if (j["state"] == "running") {
      sms.insert(j["gpu"]["sms"].get<int>());
      (void)cluster->request("resize", {{"job", "gan"}, {"cores", 1 + asked++ % 5 * 3}});
    }
    return over(j);
  });
  EXPECT_EQ(end["state"], "finished") << end.dump(2);
  EXPECT_GT(end["resizes"].get<int>(), 5);
  EXPECT_GT(sms.size(), 2U);
  EXPECT_EQ(bits_of(folder.path(), end), still);
}

TEST(OnAGpu, ComputesInThePrecisionThatItsJobAsksFor) {
  auto half = gpu_job("gan", 9);
  half.precision = Precision::bfloat16;
  TempFolder folder;
  HostGpu gpu;
  auto cluster = start(gpu_options(folder.path(), {half}, {&gpu}));
  const auto end = wait_for(*cluster, "gan", over);
  EXPECT_EQ(end["state"], "finished") << end.dump(2);
  EXPECT_NE(bits_of(folder.path(), end), alone_on_gpu(gpu_job("gan", 9)));
}

TEST(OnAGpu, StepsGoOnWhileTheContextOfItsNextSizeIsMade) {
  auto job = gpu_job("gan");
  job.gan.images = {100'000};  // stopped long before its end
  TempFolder folder;
  HostGpu gpu;
  auto cluster = start(gpu_options(folder.path(), {job}, {&gpu}));
  const auto at = [&](const std::function<bool(const nlohmann::json&)>& is) {
    return wait_for(*cluster, "gan", [&](const nlohmann::json& j) { return over(j) || is(j); });
  };
  at([](const auto& j) { return j["state"] == "running"; });
  ask(*cluster, "resize", {{"job", "gan"}, {"cores", 2}});
  at([](const auto& j) { return j["gpu"]["sms"] == 16 && j["step"] > 2; });
  std::promise<void> asked, let;
  gpu.driver->before_context([&asked, may = let.get_future().share()] {
    asked.set_value();
    may.wait();
  });
  ask(*cluster, "resize", {{"job", "gan"}, {"cores", 5}});
  asked.get_future().wait();
  const auto step = ask(*cluster, "show", {{"job", "gan"}})["step"].get<std::int64_t>();
  const auto later = at([step](const auto& j) { return j["step"] > step + 3; });
  EXPECT_EQ(later["state"], "running");
  EXPECT_EQ(later["gpu"]["sms"], 16) << "what is in force is still what was";
  gpu.driver->before_context({});
  let.set_value();
  EXPECT_EQ(at([](const auto& j) { return j["gpu"]["sms"] == 40; })["state"], "running");
  ask(*cluster, "shutdown");
}

TEST(OnAGpu, WithoutGreenContextsJobsHaveAllOfItInTurn) {
  auto first = gpu_job("first"), second = gpu_job("second", 6);
  first.gan.images = {100'000};  // stopped long before its end
  second.data.path = "/";        // a file wants one; the test's images are not from there
  TempFolder folder;
  HostGpu gpu({.green = false});
  auto cluster = start(gpu_options(folder.path(), {first}, {&gpu}));
  const auto running = wait_for(*cluster, "first", [](const nlohmann::json& j) {
    return over(j) || (j["state"] == "running" && j["step"] > 0);
  });
  EXPECT_EQ(running["gpu"]["sms"], 132);
  ask(*cluster, "submit", {{"toml", to_toml(second)}});
  const auto waits = wait_for(*cluster, "second", [](const nlohmann::json& j) {
    return over(j) || j["reason"].get<std::string>().find("holds 1 of 1") != std::string::npos;
  });
  EXPECT_EQ(waits["reason"], "waits for 1 piece: first (priority 0) holds 1 of 1");
  ask(*cluster, "stop", {{"job", "first"}});
  const auto end = wait_for(*cluster, "second", over);
  EXPECT_EQ(end["state"], "finished") << end.dump(2);
  EXPECT_EQ(bits_of(folder.path(), end), alone_on_gpu(second));
  cluster.reset();
  EXPECT_EQ(gpu.left(), 0U);
}

TEST(OnAGpu, TwoJobsShareItPieceByPieceWithTheBitsOfEachAlone) {
  auto a = gpu_job("a"), b = gpu_job("b", 6);
  a.min_cores = b.min_cores = 3;
  a.max_cores = b.max_cores = 12;
  a.target_step_seconds = b.target_step_seconds = 1e-6;  // both want all they can have
  const Bits a_alone = alone_on_gpu(a), b_alone = alone_on_gpu(b);
  TempFolder folder;
  HostGpu gpu;
  auto cluster = start(gpu_options(folder.path(), {a, b}, {&gpu}));
  bool both = false;
  const auto end = wait_for(*cluster, "a", [&](const nlohmann::json& j) {
    const auto other = ask(*cluster, "show", {{"job", "b"}});
    const auto jobs = ask(*cluster, "plan")["jobs"];
    std::multiset<int> pieces;
    for (const auto& [name, decision] : jobs.items())
      for (const auto& grant : decision["grants"])
        for (const auto& piece : grant["cores"]) pieces.insert(piece.get<int>());
    for (const int piece : pieces) EXPECT_EQ(pieces.count(piece), 1U);
    both = both ||
           (j["state"] == "running" && other["state"] == "running" && j["step"] > 0 && other["step"] > 0);
    return over(j);
  });
  EXPECT_TRUE(both);
  EXPECT_EQ(bits_of(folder.path(), end), a_alone);
  EXPECT_EQ(bits_of(folder.path(), wait_for(*cluster, "b", over)), b_alone);
}

TEST(OnAGpu, AWallIsHitByItsJobAloneAndNamesIt) {
  auto small = gpu_job("small"), large = gpu_job("large", 6);
  const Bits large_alone = alone_on_gpu(large);
  small.memory = kib(512);
  small.max_cores = large.max_cores = 8;
  TempFolder folder;
  HostGpu gpu;
  auto cluster = start(gpu_options(folder.path(), {small, large}, {&gpu}));
  const auto hit = wait_for(*cluster, "small", over);
  EXPECT_EQ(hit["state"], "failed");
  for (const char* part : {"job small", "phase 8x8", "512 KiB", "held"})
    EXPECT_THAT(hit["error"].get<std::string>(), HasSubstr(part));
  const auto end = wait_for(*cluster, "large", over);
  EXPECT_EQ(end["state"], "finished");
  EXPECT_EQ(bits_of(folder.path(), end), large_alone);
}

TEST(OnAGpu, AJobThatGivesWayIsParkedOnTheDeviceAndGoesOnWithTheSameBits) {
  auto low = gpu_job("low"), high = gpu_job("high", 6);
  high.priority = 10;
  high.gan.images = {60};
  high.data.path = "/";  // a file wants one; the test's images are not from there
  const Bits low_alone = alone_on_gpu(low);
  TempFolder folder;
  HostGpu gpu({.sms = 8});  // one piece
  auto cluster = start(gpu_options(folder.path(), {low}, {&gpu}));
  wait_for(*cluster, "low", [](const nlohmann::json& j) { return over(j) || j["step"] > 2; });
  ask(*cluster, "submit", {{"toml", to_toml(high)}});
  const auto parked =
      wait_for(*cluster, "low", [](const nlohmann::json& j) { return over(j) || j["state"] == "parked"; });
  EXPECT_EQ(parked["state"], "parked");
  EXPECT_EQ(parked["gpu"]["sms"], 0);
  EXPECT_GT(parked["held"].get<std::int64_t>(), 0) << "its state stays";
  EXPECT_EQ(wait_for(*cluster, "high", over)["state"], "finished");
  const auto end = wait_for(*cluster, "low", over);
  EXPECT_EQ(bits_of(folder.path(), end), low_alone);
}

TEST(OnAGpu, StoppedAndResumedItHasTheSameBits) {
  const auto job = gpu_job("gan");
  const Bits undisturbed = alone_on_gpu(job);
  TempFolder folder;
  HostGpu gpu;
  {
    auto cluster = start(gpu_options(folder.path(), {job}, {&gpu}));
    wait_for(*cluster, "gan", [](const nlohmann::json& j) { return over(j) || j["step"] > 18; });
    ask(*cluster, "shutdown");
    EXPECT_EQ(ask(*cluster, "show", {{"job", "gan"}})["state"], "stopped");
  }
  EXPECT_EQ(gpu.left(), 0U);
  auto options = gpu_options(folder.path(), {job}, {&gpu});
  options.resume = true;
  auto cluster = start(std::move(options));
  const auto end = wait_for(*cluster, "gan", over);
  EXPECT_EQ(end["state"], "finished") << end.dump(2);
  EXPECT_EQ(bits_of(folder.path(), end), undisturbed);
}

TEST(OnAGpu, WhatTheDriverRefusesEndsTheJobInWordsAndNobodyElse) {
  TempFolder folder;
  HostGpu gpu;
  gpu.driver->alone([](test::HostDriver& d) { d.fail_name = "make_context"; });
  auto options = gpu_options(folder.path(), {gpu_job("gan"), toy_job("toy")}, {&gpu});
  auto cluster = start(std::move(options));
  const auto end = wait_for(*cluster, "gan", over);
  EXPECT_EQ(end["state"], "failed");
  EXPECT_THAT(end["error"].get<std::string>(), HasSubstr("make_context failed"));
  EXPECT_EQ(wait_for(*cluster, "toy", over)["state"], "finished") << "on the CPU beside it";
}

TEST(OnAGpu, WhatItTellsOfItselfIsServed) {
  TempFolder folder;
  HostGpu gpu;
  gpu.device.sample = [] { return DeviceSample{.watts = 310}; };
  auto options = gpu_options(folder.path(), {}, {&gpu});
  options.serve = true;
  options.config.cluster.port = options.config.cluster.metrics_port = 0;
  const auto cluster = start(std::move(options));
  const std::string page = "http://127.0.0.1:" + std::to_string(cluster->metrics_port()) + "/metrics";
  const auto curl = folder.path() / "page.txt";
  ASSERT_EQ(std::system(("curl -sf " + page + " -o " + curl.string()).c_str()), 0);
  EXPECT_THAT(read_file(curl, 1 << 20).value(),
              HasSubstr("troupe_gpu_power_watts{gpu=\"local:gpu0\",model=\"Fake\"} 310\n"));
}

TEST(OnAGpu, AKindWithoutAProgramForItIsRefusedInWords) {
  TempFolder folder;
  HostGpu gpu;
  auto job = toy_job("toy");
  job.gpu = GpuUse::require;
  auto cluster = start(gpu_options(folder.path(), {job}, {&gpu}));
  const auto end = wait_for(*cluster, "toy", over);
  EXPECT_EQ(end["state"], "failed");
  EXPECT_THAT(end["error"].get<std::string>(), HasSubstr("can't run on a GPU"));
}

TEST(OnAGpu, WithoutOneWhoRequiresItIsRefusedAndWhoMayGoesToTheCpu) {
  TempFolder folder;
  const auto refused = Cluster::start(gpu_options(folder / "a", {gpu_job("gan")}, {}));
  ASSERT_FALSE(refused);
  for (const char* part :
       {"job gan", "requires a GPU, and no node offers one", "gpu = \"require\"", "troupe doctor"})
    EXPECT_THAT(refused.error().text(), HasSubstr(part));
  auto may = gpu_job("gan");
  may.gpu = GpuUse::automatic;
  auto cluster = start(gpu_options(folder / "b", {may}, {}));
  const auto end = wait_for(*cluster, "gan", over);
  EXPECT_EQ(end["state"], "finished") << end.dump(2);
  EXPECT_TRUE(end["gpu"].is_null());
  HostGpu gpu;
  auto there = start(gpu_options(folder / "c", {may}, {&gpu}));
  EXPECT_EQ(wait_for(*there, "gan", over)["gpu"]["device"], "local:gpu0");
}

}  // namespace
}  // namespace troupe::toy
