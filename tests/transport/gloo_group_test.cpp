// Groups whose sums of float are Gloo's.
#include <gmock/gmock.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <map>

#include "gpu/affinity.hpp"
#include "gpu/gloo_sum.hpp"
#include "node_group_fixture.hpp"
#include "tests/gpu/collective_suite.hpp"

namespace troupe::test {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

std::string layout_name(const testing::TestParamInfo<BackEnd>& info) {
  return std::vector<std::string>{"TwoProcesses", "ThreeProcesses"}[info.index];
}
INSTANTIATE_TEST_SUITE_P(Gloo, CollectiveSuite,
                         testing::Values(BackEnd(Layout(2, {}, gloo_sums()), false),
                                         BackEnd(Layout(3, {}, gloo_sums()), false)),
                         &layout_name);

TEST(GlooGroup, SumsAreNearTheExactOnesAndTheSameOnAllRanks) {
  Planes planes(3);
  const auto ends = make_group(planes, {2, 1, 1}, kGenerous, {}, gloo_sums());
  for (const std::size_t n : {1u, 7u, 1'000u, 300'001u}) {
    const auto members = random_members<float>(4, n);
    const auto exact = reference_sum(members, n, 0.25f);
    std::vector<std::vector<float>> outs(4, std::vector<float>(n));
    on_ranks(4, [&](int r) {
      const auto rank = static_cast<std::size_t>(r);
      const float* mine = members[rank].data();
      const auto summed = ends[rank]->sum({4, r, {&mine, 1}}, outs[rank].data(), n, 0.25f, true, {});
      ASSERT_TRUE(summed) << summed.error().text();
    });
    for (std::size_t i = 0; i < n; ++i) {
      double size = 0;
      for (const auto& member : members) size += std::abs(member[i]);
      ASSERT_NEAR(outs[0][i], exact[i], 1e-6 * size) << "element " << i << " of " << n;
    }
    for (const auto& out : outs) EXPECT_TRUE(same_bits<float>(out, outs[0]));
  }
}

/// Threads of this process, and the cpus that each may run on, as the kernel writes them.
std::map<std::string, std::string> threads() {
  std::map<std::string, std::string> all;
  std::error_code gone;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", gone)) {
    std::ifstream status(task.path() / "status");
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("Cpus_allowed_list:"))
        all[task.path().filename()] = line.substr(line.find('\t') + 1);
  }
  return all;
}

std::vector<int> own_cpus() {
  CpuSet set;
  sched_getaffinity(0, set.bytes(), set.get());
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET_S(static_cast<std::size_t>(cpu), set.bytes(), set.get())) cpus.push_back(cpu);
  return cpus;
}

TEST(GlooGroup, ItsThreadsRunOnAllCoresOfTheSliceThatLeads) {
  const auto cpus = own_cpus();
  Planes planes(2);
  const auto all_of_them = threads().at(std::to_string(::getpid()));
  const auto ends = make_group(
      planes, {1, 1}, kGenerous, [&](NodeGroupOptions& o) { o.cpus = cpus; }, gloo_sums());
  const auto before = threads();
  ASSERT_TRUE(
      run_on(std::span(cpus).first(1)));  // as the worker that leads is; the ranks' threads inherit it
  on_ranks(2, [&](int r) {
    const std::vector<float> member(300'000, 1);
    std::vector<float> out(member.size());
    const float* mine = member.data();
    const auto summed =
        ends[static_cast<std::size_t>(r)]->sum({2, r, {&mine, 1}}, out.data(), out.size(), 1, true, {});
    EXPECT_TRUE(summed) << summed.error().text();
  });
  ASSERT_TRUE(run_on(cpus));
  int of_gloo = 0;
  for (const auto& [thread, allowed] : threads()) {
    if (before.contains(thread)) continue;
    EXPECT_EQ(allowed, all_of_them) << "thread " << thread;
    ++of_gloo;
  }
  EXPECT_GE(of_gloo, 2) << "one a process at least";
}

TEST(GlooGroup, AProcessThatDiesIsNamedByAllOthers) {
  Planes planes(3, [](DataPlaneOptions& options) { options.failure_timeout = 5; });
  auto ends = make_group(planes, {1, 2, 1}, kGenerous, {}, gloo_sums());
  std::vector<Error> errors(4);
  std::thread killer([&] {
    EXPECT_TRUE(eventually([&] { return ends[0]->sent_bytes() > 3'000'000; }));
    planes.destroy(1);
  });
  on_ranks(4, [&](int r) {
    errors[static_cast<std::size_t>(r)] = sum_on(*ends[static_cast<std::size_t>(r)], 4, r, 100'000);
  });
  killer.join();
  for (const std::size_t r : {0u, 3u}) {
    EXPECT_THAT(errors[r].code, AnyOf(ErrorCode::peer_missing, ErrorCode::peer_failed));
    EXPECT_THAT(errors[r].text(), HasSubstr("process b (rank 1, 2 of 4)"));
  }
}

TEST(GlooGroup, AnAbortEndsTheSumsOfAllByName) {
  Planes planes(3);
  auto ends = make_group(planes, {2, 2, 1}, kGenerous, {}, gloo_sums());
  std::thread aborter([&] {
    EXPECT_TRUE(eventually([&] { return ends[0]->sent_bytes() > 3'000'000; }));
    ends[3]->abort("no more memory");
  });
  on_ranks(5, [&](int r) {
    const auto error = sum_on(*ends[static_cast<std::size_t>(r)], 5, r, 100'000);
    EXPECT_EQ(error.code, ErrorCode::peer_failed);
    EXPECT_THAT(error.text(), HasSubstr("rank 3 of 5 failed: no more memory"));
  });
  aborter.join();
}

TEST(GlooGroup, AProcessThatNeverComesIsMissing) {
  Planes planes(2);
  const auto make = gloo_sums();
  auto options = group_options({1, 2}, planes.new_channel(), 0.05);
  options.self = "a";
  options.fast = true;
  options.fast_from = Bytes{0};
  auto ends = make_node_group(planes.of(0), options, make);
  ASSERT_TRUE(ends);
  const auto error = sum_on(*(*ends)[0], 3, 0, 1'000);
  EXPECT_EQ(error.code, ErrorCode::peer_missing);
  EXPECT_THAT(error.text(), HasSubstr("rank 1, 2 of 3 did not come in time"));
}

/// A store that knows of nobody else.
class Alone final : public Notes {
 public:
  void put(const std::string& key, const std::string& value) override { notes_[key] = value; }
  Result<std::string> get(const std::string& key, double) override {
    if (const auto note = notes_.find(key); note != notes_.end()) return note->second;
    return fail({ErrorCode::peer_missing, "nobody answers"});
  }

 private:
  std::map<std::string, std::string> notes_;
};

TEST(GlooSum, ThatCanNotMeetTheOthersSaysWhy) {
  const auto make = gloo_sums();
  for (const std::string address : {"127.0.0.1", "192.0.2.1"}) {  // not of this machine, by its standard
    const auto sum = make({0, 2, address, 1, std::make_shared<Alone>()});
    for (int round = 0; round < 2; ++round) {
      std::promise<Result<void>> done;
      sum->start(std::shared_ptr<float>(new float[4], std::default_delete<float[]>()), 4,
                 [&done](Result<void> result) { done.set_value(std::move(result)); });
      const auto result = done.get_future().get();
      ASSERT_FALSE(result);
      EXPECT_EQ(result.error().code, ErrorCode::peer_failed);
      EXPECT_THAT(result.error().text(), HasSubstr("Gloo can't connect the processes"));
      EXPECT_THAT(result.error().text(), HasSubstr(address == "127.0.0.1" ? "nobody answers" : address));
    }
  }
}

TEST(GlooSum, OneThatWasLeftAloneEndsByItself) {
  auto make = gloo_sums();
  std::vector<std::unique_ptr<ProcessSum>> sums;
  struct Shared final : Notes {  // between the two
    std::mutex mutex;
    std::condition_variable changed;
    std::map<std::string, std::string> notes;
    void put(const std::string& key, const std::string& value) override {
      const std::lock_guard lock(mutex);
      notes[key] = value;
      changed.notify_all();
    }
    Result<std::string> get(const std::string& key, double) override {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return notes.contains(key); });
      return notes[key];
    }
  };
  const auto notes = std::make_shared<Shared>();
  for (int p = 0; p < 2; ++p) sums.push_back(make({p, 2, "127.0.0.1", kGenerous, notes}));
  const auto start = [&](int p, std::promise<Result<void>>& done) {
    std::shared_ptr<float> data(new float[4]{1, 2, 3, 4}, std::default_delete<float[]>());
    sums[static_cast<std::size_t>(p)]->start(
        data, 4, [&done, data](Result<void> result) { done.set_value(std::move(result)); });
    return data;
  };
  std::promise<Result<void>> first, second, third;
  const auto mine = start(0, first);
  start(1, second);
  ASSERT_TRUE(first.get_future().get());
  ASSERT_TRUE(second.get_future().get());
  EXPECT_EQ(mine.get()[3], 8);
  start(0, third);  // the other end never comes to this one, and goes
  sums[1].reset();
  const auto left = third.get_future().get();
  ASSERT_FALSE(left);
  EXPECT_THAT(left.error().text(), HasSubstr("Gloo can't finish a sum"));
}

}  // namespace
}  // namespace troupe::test
