// A planner that hears of changes alone plans as one that begins from nothing; and what every plan must keep
// to.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <utility>

#include "predict/planner.hpp"
#include "predict/turns.hpp"
#include "tests/predict/jobs.hpp"

namespace troupe {
namespace {

using troupe::testing::bytes_of;
using troupe::testing::cores_of;
using troupe::testing::device;

/// Devices and jobs that come, change and go.
struct History {
  explicit History(unsigned seed) : random(seed) {
    for (int d = 0; d <= below(4); ++d) add_device();
    change_rules();
  }
  void change_rules() {
    rules = {};
    rules_changed = true;
    if (below(2) == 0) rules.user_cores = below(8) + 3;
    if (below(3) == 0) rules.user_memory = gib(1) + mib(below(4000));
    rules.shortest_first = below(2) == 0;
    if (below(2) == 0) rules.weights = {{"u0", 2.5}, {"u1", 0.5}};
  }
  int below(int n) { return std::uniform_int_distribution<int>(0, n - 1)(random); }
  void add_device() {
    devices_changed = true;
    devices.push_back(device(fmt::format("n{}", next++), below(8) + 1, gib(1) + mib(below(6000))));
  }
  void add_job() {
    auto view = troupe::testing::job(fmt::format("j{}", next), {.priority = below(3),
                                                                .order = next,
                                                                .min = below(4) + 1,
                                                                .slices = below(4) + 1,
                                                                .bytes = mib(below(900) + 1),
                                                                .parallel_seconds = 0.04 * below(8)});
    ++next;
    view.max_cores = view.min_cores + below(6);
    view.demand.lossless_cores = below(6);
    view.user = fmt::format("u{}", below(4));
    if (below(4) == 0) view.memory = mib(below(900) + 1);
    if (below(6) == 0) view.deadline = below(100);
    if (below(2) == 0) view.seconds_left = below(5);
    if (below(6) == 0) view.demand.headroom = 0.1;
    if (below(3) == 0) view.demand.bytes_per_core = mib(below(300));
    jobs[view.name] = view;
    touched.insert(view.name);
  }
  std::string any_name() {
    auto it = jobs.begin();
    std::advance(it, below(static_cast<int>(jobs.size())));
    return it->first;
  }
  JobView& any_job() {
    auto it = jobs.begin();
    std::advance(it, below(static_cast<int>(jobs.size())));
    touched.insert(it->first);
    return it->second;
  }
  void change() {
    const int kind = jobs.size() < 3 ? 0 : below(14);
    if (kind < 4) {
      if (jobs.size() < 25) add_job();
    } else if (kind < 6) {
      const std::string gone = any_job().name;
      jobs.erase(gone);
      now.erase(gone);
    } else if (kind < 9) {
      any_job().demand = {"p",  mib(below(900) + 1),       0.001 * below(20), 0.04 * below(8),
                          true, mib(below(2) * below(300))};
    } else if (kind == 9) {
      any_job().due = true;
    } else if (kind == 10 && devices.size() > 1 && below(2) == 0) {
      lose_device();
    } else if (kind == 10 && devices.size() < 6) {
      add_device();
    } else if (kind == 11) {
      auto& view = any_job();
      if (below(2) == 0)
        view.priority = below(3);
      else
        view.deadline = below(2) == 0 ? std::optional<double>(below(100)) : std::nullopt;
    } else if (kind == 12 && below(4) == 0) {
      change_rules();
    } else {
      auto& view = any_job();
      if (below(2) == 0) view.seconds_left = below(5);
      if (below(2) == 0) view.pinned_cores = below(2) == 0 ? std::optional(below(3) + 1) : std::nullopt;
      if (below(2) == 0)
        view.barred = below(2) == 0 ? std::set<std::string>{devices.front().node} : std::set<std::string>{};
    }
  }
  void lose_device() {
    const std::string gone = devices[static_cast<std::size_t>(below(static_cast<int>(devices.size())))].node;
    devices_changed = true;
    std::erase_if(devices, [&](const DeviceView& view) { return view.node == gone; });
    for (auto& [name, grants] : now)
      if (std::erase_if(grants, [&](const Grant& grant) { return grant.node == gone; }) > 0)
        touched.insert(name);
    std::erase_if(now, [](const auto& entry) { return entry.second.empty(); });
  }
  std::vector<JobView> views() const {
    std::vector<JobView> all;
    for (const auto& [name, view] : jobs) all.push_back(view);
    return all;
  }
  /// Everybody does as planned, and holds something from then on.
  void follow(const planning::Planner& planner) {
    for (auto& [name, view] : jobs) {
      const auto& grants = planner.grants(name);
      const bool ran = now.contains(name);
      if (ran ? now.at(name) != grants : !grants.empty()) touched.insert(name);
      if (grants.empty() && ran) view.home = now.at(name);
      if (grants.empty()) {
        now.erase(name);
        continue;
      }
      now[name] = grants;
      view.home.clear();
      if (below(2) == 0) continue;
      view.held = {bytes_of(grants).count / (4 + below(8))};
      touched.insert(name);
    }
  }

  std::mt19937 random;
  std::vector<DeviceView> devices;
  std::map<std::string, JobView> jobs;
  std::map<std::string, std::vector<Grant>> now;
  PlanRules rules;
  int next = 0;
  // what a planner has not heard of yet
  std::set<std::string> touched;
  bool devices_changed = false, rules_changed = false;
};

/// Only what has changed: of jobs that are as they were it hears nothing.
void tell_changes(planning::Planner& planner, History& history) {
  if (std::exchange(history.rules_changed, false)) planner.set_rules(history.rules);
  if (std::exchange(history.devices_changed, false)) planner.set_devices(history.devices);
  for (const auto& name : std::exchange(history.touched, {})) {
    const auto job = history.jobs.find(name);
    const auto now = history.now.find(name);
    if (job == history.jobs.end())
      planner.remove(name);
    else
      planner.put(job->second, now == history.now.end() ? nullptr : &now->second);
  }
}

void expect_same(const Plan& a, const Plan& b) {
  EXPECT_EQ(a.order, b.order);
  ASSERT_EQ(a.jobs.size(), b.jobs.size());
  for (const auto& [name, decision] : a.jobs) {
    const auto& other = b.jobs.at(name);
    EXPECT_EQ(decision.grants, other.grants) << name;
    EXPECT_EQ(decision.reason, other.reason) << name;
    EXPECT_EQ(decision.wanted_cores, other.wanted_cores) << name;
    EXPECT_EQ(decision.stays, other.stays) << name;
  }
}

void expect_within_capacity(const History& history, const Plan& plan) {
  std::map<std::string, std::set<int>> cores;
  std::map<std::string, Bytes> bytes;
  for (const auto& [name, decision] : plan.jobs)
    for (const auto& grant : decision.grants) {
      for (const int core : grant.cores)
        EXPECT_TRUE(cores[grant.node].insert(core).second) << grant.node << " core " << core << " twice";
      bytes[grant.node] += grant.memory;
      EXPECT_FALSE(history.jobs.at(name).barred.contains(grant.node));
    }
  for (const auto& view : history.devices) {
    for (const int core : cores[view.node]) EXPECT_LT(core, static_cast<int>(view.cores.size()));
    EXPECT_LE(bytes[view.node], view.memory) << view.node;
    cores.erase(view.node);
  }
  EXPECT_TRUE(cores.empty()) << "a device that is not there";
}

void expect_whole_gangs(const History& history, const Plan& plan) {
  for (const auto& [name, decision] : plan.jobs) {
    const auto& view = history.jobs.at(name);
    const int n = cores_of(decision.grants);
    EXPECT_TRUE(n == 0 || n >= view.pinned_cores.value_or(view.min_cores)) << name << " has " << n;
    EXPECT_LE(n, view.pinned_cores.value_or(view.max_cores)) << name;
  }
}

void expect_quotas(const History& history, const Plan& plan) {
  std::map<std::string, int> cores;
  std::map<std::string, Bytes> memory;
  for (const auto& [name, decision] : plan.jobs) {
    cores[history.jobs.at(name).user] += cores_of(decision.grants);
    memory[history.jobs.at(name).user] += bytes_of(decision.grants);
  }
  for (const auto& [user, n] : cores) {
    EXPECT_LE(n, history.rules.user_cores.value_or(n)) << user;
    EXPECT_LE(memory[user], history.rules.user_memory.value_or(memory[user])) << user;
  }
}

/// A job that waits for cores could not have them from jobs of a lower priority that are not due.
void expect_priorities(const History& history, const Plan& plan) {
  int there = 0;
  for (const auto& view : history.devices) there += static_cast<int>(view.cores.size());
  for (const auto& [name, decision] : plan.jobs) {
    if (!decision.grants.empty() || !decision.reason.starts_with("waits for") ||
        decision.reason.find("core") == std::string::npos ||
        decision.reason.find("side by side") != std::string::npos ||
        decision.reason.find("may have") != std::string::npos)
      continue;
    const auto& view = history.jobs.at(name);
    int above = 0;
    for (const auto& [other, theirs] : plan.jobs) {
      const auto& job = history.jobs.at(other);
      if (job.priority >= view.priority || job.due) above += cores_of(theirs.grants);
    }
    EXPECT_GT(above + view.pinned_cores.value_or(view.min_cores), there) << name << ": " << decision.reason;
  }
}

class PlanHistory : public ::testing::TestWithParam<unsigned> {};

TEST_P(PlanHistory, IsPlannedTheSameFromItsChangesAsFromNothingAndKeepsToEveryRule) {
  for (unsigned round = 0; round < 15 && !HasFailure(); ++round) {
    History history(GetParam() * 1000 + round);
    planning::Planner planner;
    Plan plan;
    for (int step = 0; step < 60 && !HasFailure(); ++step) {
      SCOPED_TRACE(fmt::format("seed {}, step {}", GetParam() * 1000 + round, step));
      history.change();
      tell_changes(planner, history);
      const auto moving = planner.plan();
      // whoever asks for the words of one, or of none, or of all: they are the same
      const auto asked = history.any_name();
      const std::string words = history.below(2) == 0 ? planner.reason(asked) : "";
      if (history.below(3) == 0) {
        if (history.below(2) == 0) history.follow(planner);
        continue;
      }
      planner.tell(plan);
      if (!words.empty()) {
        EXPECT_EQ(plan.jobs.at(asked).reason, words);
      }
      const auto fresh = make_plan(history.devices, history.views(), history.now, history.rules);
      expect_same(plan, fresh);
      auto reversed = history.views();
      std::reverse(reversed.begin(), reversed.end());
      expect_same(make_plan(history.devices, reversed, history.now, history.rules), fresh);
      for (const auto& [name, decision] : plan.jobs) {
        const auto it = history.now.find(name);
        const bool as_now = decision.grants == (it == history.now.end() ? std::vector<Grant>{} : it->second);
        EXPECT_EQ(decision.stays, as_now) << name;
        EXPECT_EQ(planner.stays(name), as_now) << name;
        EXPECT_EQ(planner.grants(name), decision.grants) << name;
        EXPECT_EQ(std::count(moving.begin(), moving.end(), name), as_now ? 0 : 1) << name;
      }
      expect_within_capacity(history, plan);
      expect_whole_gangs(history, plan);
      expect_quotas(history, plan);
      expect_priorities(history, plan);
      if (history.below(3) > 0) history.follow(planner);
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, PlanHistory, ::testing::Range(0u, 10u));

}  // namespace
}  // namespace troupe
