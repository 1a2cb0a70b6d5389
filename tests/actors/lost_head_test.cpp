// A head in a process of its own that is killed, nodes in this one, and the next head of the same run.
#include <gmock/gmock.h>

#include "tests/actors/own_head.hpp"

namespace troupe::toy {
namespace {

/// Of heads that are killed: what is silent for so long is dead. Long, as nobody is to be lost for being
/// slow.
constexpr double kPatience = 20;

/// No test of its own: the tests below start this program again with it, as a head that can be killed.
TEST(Nodes, DISABLED_AHeadInAProcessOfItsOwn) { be_head(kPatience); }
constexpr const char* kHeadTest = "Nodes.DISABLED_AHeadInAProcessOfItsOwn";

/// A job on a head that is killed, and what came of it.
struct LostHead {
  TempFolder folder;
  JobConfig job = wide_job(1);
  std::filesystem::path run = folder / "run";
  int port = 0;
  std::vector<std::unique_ptr<NodeProcess>> nodes;

  /// Nodes of so many cores, named a, b …; killed when so many rows are written.
  void run_until(std::int64_t rows, const std::vector<int>& cores, bool hangs_at_phase_end = false) {
    OwnHead head({run, job, cores.size(), hangs_at_phase_end}, kHeadTest);
    port = head.port();
    for (std::size_t i = 0; i < cores.size(); ++i) {
      const std::string name(1, static_cast<char>('a' + i));
      nodes.push_back(node_at(factory(slow()), port, name, cores[i], folder / name));
    }
    head.until_rows(job.name, cores.size(), rows);
    head.kill();
    head.until("nodes without a head", [this] {
      return std::none_of(nodes.begin(), nodes.end(), [](const auto& node) { return node->joined(); });
    });
  }
  std::int64_t rows() const { return count_losses(run / job.name / "losses.csv"); }
  /// The newest ones; half of one more is left.
  void lose_rows(int count) const {
    const auto file = run / job.name / "losses.csv";
    auto text = slurp(file);
    for (int i = 0; i <= count; ++i) text.resize(text.rfind('\n'));
    std::ofstream(file) << text << "\n" << rows() - count << ",0.";
  }
  bool has_checkpoint() const {
    return std::filesystem::exists(run / job.name / "checkpoints") &&
           !std::filesystem::is_empty(run / job.name / "checkpoints");
  }

  std::unique_ptr<Cluster> next_head(double failure_timeout = kPatience) const {
    auto options = head_options(run, slow(), 1);
    options.config.cluster.port = port;
    options.config.cluster.failure_timeout_seconds = failure_timeout;
    options.config.jobs = {job};
    options.resume = true;
    return start(std::move(options));
  }
  void nodes_come_back() const {
    for (const auto& node : nodes)
      if (const auto joined = node->join(); !joined) ADD_FAILURE() << joined.error().text();
  }
  std::vector<nlohmann::json> events(const std::string& kind) const {
    std::vector<nlohmann::json> found;
    std::istringstream lines(slurp(run / "journal.jsonl"));
    for (std::string line; std::getline(lines, line);)
      if (auto e = nlohmann::json::parse(line, nullptr, false); e.is_object() && e["event"] == kind)
        found.push_back(std::move(e));
    return found;
  }
  bool told(const std::string& text) const {
    return slurp(run / "journal.jsonl").find(text) != std::string::npos;
  }
  Bits end(Cluster& head) const {
    const auto j = wait_for(head, job.name, over);
    EXPECT_EQ(j["state"], "finished") << j.dump(2);
    return bits_of(run, j);
  }
};

TEST(Nodes, AHeadThatComesBackTakesTheNewestCopy) {
  LostHead lost;
  lost.run_until(200, {1, 1});
  ASSERT_FALSE(lost.has_checkpoint()) << "nothing else to go on from";
  const auto rows = lost.rows();
  const auto head = lost.next_head();
  ASSERT_TRUE(head);
  lost.nodes_come_back();
  EXPECT_EQ(lost.end(*head), alone(slow()));
  const auto resumed = lost.events("resumed");
  ASSERT_EQ(resumed.size(), 1U);
  EXPECT_GE(resumed[0]["step"], rows - 1) << "the head alone may have come to the last step that it wrote";
  EXPECT_THAT(resumed[0]["text"].get<std::string>(), testing::HasSubstr("the copy on node"));
}

TEST(Nodes, RowsThatALostHeadDidNotWriteAreTheNodes) {
  LostHead lost;
  lost.run_until(200, {1, 1});
  const auto rows = lost.rows();
  lost.lose_rows(40);  // as by a power loss: back into what the nodes took part in
  ASSERT_EQ(lost.rows(), rows - 40);
  const auto head = lost.next_head();
  ASSERT_TRUE(head);
  lost.nodes_come_back();
  EXPECT_EQ(lost.end(*head), alone(slow()));
  ASSERT_EQ(lost.events("resumed").size(), 1U);
  EXPECT_GE(lost.events("resumed")[0]["step"], rows - 1);
}

TEST(Nodes, AHeadThatTookNoPartGoesOnFromANodesCopy) {
  LostHead lost;
  lost.job = wide_job(3);  // more than the head has, as many as the node
  lost.job.max_cores = 3;
  lost.run_until(200, {3});
  const auto rows = lost.rows();
  const auto head = lost.next_head();
  ASSERT_TRUE(head);
  lost.nodes_come_back();
  EXPECT_EQ(lost.end(*head), alone(slow()));
  ASSERT_EQ(lost.events("resumed").size(), 1U);
  EXPECT_GE(lost.events("resumed")[0]["step"], rows);
}

TEST(Nodes, AHeadThatIsLostAtAPhasesEndDrawsItsPicturesWhenItIsBack) {
  LostHead lost;
  lost.run_until(slow().steps_per_phase, {1}, true);
  ASSERT_FALSE(std::filesystem::exists(lost.run / "wide" / "grids" / "p0.png"));
  const auto head = lost.next_head();
  ASSERT_TRUE(head);
  lost.nodes_come_back();
  EXPECT_EQ(lost.end(*head), alone(slow()));
  ASSERT_EQ(lost.events("resumed").size(), 1U);
  // the newest step may have been the dead head's alone; then it is done again
  const std::int64_t step = lost.events("resumed")[0]["step"];
  EXPECT_GE(step, slow().steps_per_phase - 1);
  EXPECT_LE(step, slow().steps_per_phase);
  EXPECT_TRUE(std::filesystem::exists(lost.run / "wide" / "grids" / "p0.png"));
}

TEST(Nodes, ACopyThatComesBackTooLateIsDropped) {
  LostHead lost;
  lost.run_until(200, {1});
  const auto head = lost.next_head(kFailureTimeout);
  ASSERT_TRUE(head);
  wait_for(*head, "wide", [&](const nlohmann::json& j) { return over(j) || j["step"] > 5; });
  EXPECT_TRUE(lost.told("no copy on a can be gone on from: goes on from the beginning"));
  lost.nodes_come_back();
  EXPECT_EQ(lost.end(*head), alone(slow()));
  EXPECT_TRUE(lost.events("resumed").empty());
}

TEST(Nodes, ACopyOfAnotherRunIsNotTakenForTheLostOne) {
  LostHead lost;
  lost.run_until(200, {1});
  std::filesystem::remove(lost.run / "run.id");  // another run's folder, with leases of the same names
  const auto head = lost.next_head();
  ASSERT_TRUE(head);
  lost.nodes_come_back();  // and is not waited for: it has nothing of this run
  EXPECT_EQ(lost.end(*head), alone(slow()));
  EXPECT_TRUE(lost.events("resumed").empty());
  EXPECT_TRUE(lost.told("no copy on a can be gone on from: goes on from the beginning"));
}

TEST(Nodes, AnOrderlyEndMakesNobodyWait) {
  LostHead lost;
  auto options = head_options(lost.run, slow(), 1);
  options.config.jobs = {lost.job};
  auto first = start(std::move(options));
  ASSERT_TRUE(first);
  lost.port = first->port();
  lost.nodes.push_back(node(*first, "a", slow(), 1, lost.folder / "a"));
  EXPECT_EQ(wait_for(*first, "wide", runs_on(2))["state"], "running");
  ask(*first, "shutdown");
  first.reset();
  const auto head = lost.next_head(3600);
  ASSERT_TRUE(head);
  EXPECT_EQ(lost.end(*head), alone(slow()));  // without the node, and within minutes
  ASSERT_EQ(lost.events("resumed").size(), 1U);
  EXPECT_THAT(lost.events("resumed")[0]["text"].get<std::string>(), testing::HasSubstr("checkpoints"));
}

}  // namespace
}  // namespace troupe::toy
