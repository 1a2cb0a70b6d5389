// What is told of a job's slices, wherever they are.
#include <map>

#include "tests/actors/nodes.hpp"

namespace troupe::toy {
namespace {

/// Its shards charge their slice.
Options charging() {
  Options o = slow();
  o.allocate = 1 << 20;
  return o;
}

/// Batches of the job's slices, each in the order in which it was told.
std::vector<std::vector<Event>> batches(const std::filesystem::path& run) {
  const auto events = read_journal(run / "journal.jsonl");
  EXPECT_TRUE(events) << events.error().text();
  std::vector<std::vector<Event>> all;
  for (const auto& e : *events) {
    if (e.kind != EventKind::slice_sampled) continue;
    if (e.slice == e.job + "-0") all.emplace_back();
    if (!all.empty()) all.back().push_back(e);
  }
  return all;
}

/// Whether a batch that tells of so many slices has all of them, and is sound.
void expect_sound(const std::vector<Event>& batch, std::size_t slices) {
  ASSERT_EQ(batch.size(), slices);
  for (std::size_t i = 0; i < slices; ++i) {
    EXPECT_EQ(batch[i].slice, batch[i].job + "-" + std::to_string(i));
    EXPECT_EQ(batch[i].count, static_cast<std::int64_t>(slices));
    EXPECT_GT(batch[i].budget, Bytes{});
    EXPECT_GT(batch[i].cores_asked, 0);
    EXPECT_LE(batch[i].held, batch[i].peak);
    EXPECT_LE(batch[i].peak, batch[i].budget);
  }
}

TEST(SlicesTold, OfOneNodeHaveTheirOwnFiguresEach) {
  const TempFolder folder;
  auto job = toy_job("toy");
  job.slices = 3;
  job.min_cores = job.max_cores.emplace(3);
  {
    auto cluster = start(options_of(folder.path(), {job}, charging(), 3));
    ASSERT_EQ(wait_for(*cluster, "toy", over)["state"], "finished");
  }
  const auto all = batches(folder.path());
  ASSERT_FALSE(all.empty());
  for (const auto& batch : all) expect_sound(batch, 3);
  for (const auto& slice : all.back()) {
    EXPECT_EQ(slice.node, "local");
    EXPECT_EQ(slice.cores, 1);
    EXPECT_GT(slice.peak, Bytes{});
    EXPECT_GT(slice.busy_seconds, 0) << slice.slice;
  }
}

TEST(SlicesTold, OfOtherNodesAreToldToo) {
  const TempFolder folder;
  auto head = start(head_options(folder / "run", charging(), 1));
  const auto b = node(*head, "b", charging(), 2, folder / "b");
  submit(*head, wide_job(3));
  const auto told = [&] {
    const auto all = batches(folder / "run");
    if (all.empty() || all.back().size() < 2) return false;
    for (const auto& slice : all.back())
      if (slice.busy_seconds <= 0 || slice.peak <= Bytes{} || slice.cores <= 0) return false;
    return true;
  };
  // the figures of a lease come with its first steps, and again each second
  bool seen = false;
  wait_for(*head, "wide", [&](const nlohmann::json& job) { return (seen = seen || told()) || over(job); });
  EXPECT_TRUE(seen);
  const auto all = batches(folder / "run");
  std::map<std::string, int> cores;
  for (const auto& slice : all.back()) cores[slice.node] += slice.cores;
  EXPECT_EQ(cores, (std::map<std::string, int>{{"b", 2}, {"head", 1}}));
}

}  // namespace
}  // namespace troupe::toy
