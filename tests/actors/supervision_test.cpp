// What dies takes its own job down, with the cause named, and nobody else. Shares move; walls hold.
#include "tests/actors/harness.hpp"

namespace troupe::toy {
namespace {

ProgramFactory kind_by_name(const std::map<std::string, Options>& by_job) {
  return [by_job](const ProgramContext& c) -> Result<std::shared_ptr<Program>> {
    return std::shared_ptr<Program>(std::make_shared<ToyProgram>(by_job.at(c.job.name), c.job.seed));
  };
}

TEST(Supervision, AShardThatThrowsFailsItsJobByNameAndNoOther) {
  TempFolder alone, both;
  const Options good, bad{.throw_at_step = 17};
  auto one = start(options_of(alone.path(), {toy_job("good")}, good, 2));
  const auto undisturbed = bits_of(alone.path(), wait_for(*one, "good", over));

  auto options = options_of(both.path(), {toy_job("good"), toy_job("bad")}, {}, 2);
  options.kinds["toy"] = kind_by_name({{"good", good}, {"bad", bad}});
  auto cluster = start(std::move(options));
  const auto failed = wait_for(*cluster, "bad", over);
  EXPECT_EQ(failed["state"], "failed");
  EXPECT_NE(failed["error"].get<std::string>().find("shard 3 fell over"), std::string::npos)
      << failed["error"];
  EXPECT_NE(failed["error"].get<std::string>().find("bad"), std::string::npos);
  const auto survivor = wait_for(*cluster, "good", over);
  EXPECT_EQ(survivor["state"], "finished");
  EXPECT_EQ(bits_of(both.path(), survivor), undisturbed);
  ask(*cluster, "shutdown");  // what is told to the recorder is on disk when it answers
  const auto result = nlohmann::json::parse(slurp(both.path() / "bad" / "result.json"));
  EXPECT_EQ(result["state"], "failed");
}

TEST(Supervision, AJobThatAllocatesPastItsWallFailsWithTheTypedErrorAndItsNeighbourKeepsItsBits) {
  TempFolder alone, both;
  auto good = toy_job("good"), greedy = toy_job("greedy");
  greedy.memory = mib(1);
  auto one = start(options_of(alone.path(), {good}, {}, 2));
  const auto undisturbed = bits_of(alone.path(), wait_for(*one, "good", over));
  auto options = options_of(both.path(), {good, greedy}, {}, 2);
  options.kinds["toy"] = kind_by_name({{"good", {}}, {"greedy", {.allocate = 8u << 20}}});
  auto cluster = start(std::move(options));
  const auto failed = wait_for(*cluster, "greedy", over);
  EXPECT_EQ(failed["state"], "failed");
  EXPECT_NE(failed["error"].get<std::string>().find("budget"), std::string::npos) << failed["error"];
  EXPECT_NE(failed["error"].get<std::string>().find("8 MiB"), std::string::npos) << failed["error"];
  EXPECT_EQ(bits_of(both.path(), wait_for(*cluster, "good", over)), undisturbed);
}

TEST(Supervision, WithoutAWallARefusalIsAnsweredByMoreMemoryAndTheStepIsDoneAgain) {
  TempFolder small, large;
  auto job = toy_job("toy");
  const Options modest, hungry{.allocate = 700u << 20};  // past the first guess, within the node
  auto one = start(options_of(small.path(), {job}, modest, 2));
  const auto undisturbed = bits_of(small.path(), wait_for(*one, "toy", over));
  auto cluster = start(options_of(large.path(), {job}, hungry, 2));
  const auto end = wait_for(*cluster, "toy", over);
  EXPECT_EQ(end["state"], "finished") << end.dump(2);
  EXPECT_EQ(bits_of(large.path(), end), undisturbed);
  EXPECT_GE(end["phases"][0]["peak"].get<std::int64_t>(), 700 << 20);
}

TEST(Supervision, AJobThatNeedsMoreThanTheNodeHasFailsInWords) {
  TempFolder folder;
  auto cluster = start(options_of(folder.path(), {toy_job("toy")}, {.allocate = std::size_t{6} << 30}, 2));
  const auto end = wait_for(*cluster, "toy", over);
  EXPECT_EQ(end["state"], "failed");
  EXPECT_NE(end["error"].get<std::string>().find("6 GiB"), std::string::npos) << end["error"];
}

TEST(Supervision, AHigherPriorityTakesTheCoresAndGivesThemBack) {
  TempFolder folder;
  auto low = toy_job("low"), high = toy_job("high");
  low.target_step_seconds = high.target_step_seconds = 1e-6;
  high.priority = 10;
  high.min_cores = 2;
  auto options = options_of(folder.path(), {low}, {}, 2);
  options.kinds["toy"] = kind_by_name({{"low", {.steps_per_phase = 500}}, {"high", {.steps_per_phase = 40}}});
  auto cluster = start(std::move(options));
  wait_for(*cluster, "low",
           [](const nlohmann::json& j) { return j["state"] == "running" && j["step"] > 10; });
  auto submitted = ask(*cluster, "submit", {{"toml", to_toml(high)}, {"file", "high.toml"}});
  EXPECT_EQ(submitted["job"], "high");
  EXPECT_EQ(wait_for(*cluster, "high", over)["state"], "finished");
  const auto end = wait_for(*cluster, "low", over);
  EXPECT_EQ(end["state"], "finished");
  std::string kinds;
  const auto events = read_journal(folder.path() / "journal.jsonl");
  ASSERT_TRUE(events) << events.error().text();
  for (const auto& e : *events)
    if (e.job == "low" && (e.kind == EventKind::job_started || e.kind == EventKind::job_parked))
      kinds += to_string(e.kind) + std::string(" ");
  EXPECT_EQ(kinds, "job_started job_parked job_started ");
}

TEST(Supervision, StopAnswersWithTheStepOfItsCheckpoint) {
  TempFolder folder;
  auto cluster = start(options_of(folder.path(), {toy_job("toy")}, {.steps_per_phase = 100000}, 1));
  wait_for(*cluster, "toy", [](const nlohmann::json& j) { return j["step"] > 20; });
  const auto stopped = ask(*cluster, "stop", {{"job", "toy"}});
  const auto found = CheckpointStore(folder.path() / "toy" / "checkpoints", 2).latest();
  ASSERT_TRUE(found.has_value()) << found.error().text();
  EXPECT_EQ(found->manifest.step, stopped["step"].get<std::int64_t>());
  EXPECT_EQ(ask(*cluster, "show", {{"job", "toy"}})["state"], "stopped");
}

TEST(Supervision, ARunGoesOnWithTheSameDataWhereverItLiesNow) {
  const TempFolder folder;
  const auto with = [&](const char* path, std::uint64_t data, bool resume) {
    auto job = toy_job("toy");
    job.data.path = path;
    auto options = options_of(folder.path(), {job}, {.steps_per_phase = 100000, .data = data}, 1);
    options.resume = resume;
    return start(std::move(options));
  };
  const auto runs = [](const nlohmann::json& j) { return over(j) || j["step"] > 20; };
  {
    auto cluster = with("/a", 7, false);
    wait_for(*cluster, "toy", runs);
    ask(*cluster, "stop", {{"job", "toy"}});
  }
  {
    auto cluster = with("/b", 8, true);
    const auto end = wait_for(*cluster, "toy", over);
    EXPECT_EQ(end["state"], "failed");
    EXPECT_NE(end["error"].get<std::string>().find("another configuration"), std::string::npos)
        << end["error"];
  }
  auto cluster = with("/b", 7, true);
  EXPECT_EQ(wait_for(*cluster, "toy", runs)["state"], "running");
}

TEST(Supervision, ADuplicateNameAnUnknownKindAndTooManyCoresAreRefused) {
  TempFolder folder;
  auto cluster = start(options_of(folder.path(), {toy_job("toy")}, {.steps_per_phase = 100000}, 2));
  const auto refused = [&](const JobConfig& job) {
    auto reply = cluster->request("submit", {{"toml", to_toml(job)}, {"file", "job.toml"}});
    return reply ? std::string() : reply.error().text();
  };
  EXPECT_NE(refused(toy_job("toy")).find("already"), std::string::npos);
  auto strange = toy_job("strange");
  strange.kind = "sorcery";
  EXPECT_NE(refused(strange).find("no such kind"), std::string::npos);
  auto wide = toy_job("wide");
  wide.min_cores = 64;
  EXPECT_NE(refused(wide).find("more cores"), std::string::npos);
  const auto unknown = cluster->request("resize", {{"job", "nobody"}, {"cores", 1}});
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().code, ErrorCode::not_found);
  const auto verb = cluster->request("juggle", nlohmann::json::object());
  ASSERT_FALSE(verb.has_value());
}

}  // namespace
}  // namespace troupe::toy
