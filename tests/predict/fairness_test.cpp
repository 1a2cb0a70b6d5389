#include <fmt/core.h>
#include <gmock/gmock.h>

#include <random>

#include "predict/estimate.hpp"
#include "predict/ledger.hpp"
#include "predict/turns.hpp"
#include "tests/predict/jobs.hpp"

namespace troupe {
namespace {

using planning::Claim;
using planning::fair_shares;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using troupe::testing::bytes_of;
using troupe::testing::cores_of;
using troupe::testing::device;
using troupe::testing::job;

JobView of(const std::string& user, JobView view) {
  view.user = user;
  return view;
}
int total_of(const Plan& plan, const std::vector<JobView>& jobs, const std::string& user) {
  int cores = 0;
  for (const auto& view : jobs)
    if (view.user == user) cores += cores_of(plan.jobs.at(view.name).grants);
  return cores;
}
void answer_all(Ledger& ledger) {
  for (auto moves = ledger.advance(); !moves.empty(); moves = ledger.advance())
    for (const auto& move : moves) ledger.applied(move.job, move.grants);
}

TEST(FairShares, AreEvenAndGiveWhatOneLeavesToTheOthers) {
  EXPECT_THAT(fair_shares({{0, 9}, {0, 9}, {0, 9}}, 9), ElementsAre(3, 3, 3));
  EXPECT_THAT(fair_shares({{0, 1}, {0, 9}, {0, 9}}, 9), ElementsAre(1, 4, 4));
  EXPECT_THAT(fair_shares({{0, 9}, {0, 9}}, 5), ElementsAre(3, 2)) << "the odd one goes to the first";
  EXPECT_THAT(fair_shares({{4, 9}, {0, 9}}, 6), ElementsAre(1, 5)) << "who has much gets less on top";
  EXPECT_THAT(fair_shares({{0, 2}, {0, 1}}, 9), ElementsAre(2, 1));
}

TEST(FairShares, GoByWeight) {
  EXPECT_THAT(fair_shares({{0, 90, 2}, {0, 90, 1}}, 9), ElementsAre(6, 3));
  EXPECT_THAT(fair_shares({{0, 90, 0.5}, {0, 90, 1}}, 9), ElementsAre(3, 6));
}

TEST(FairSharesProperty, GiveOutAllThereIsAndLeaveNobodyBehindWhoWantsMore) {
  std::mt19937 random(1);
  const auto below = [&](int n) { return std::uniform_int_distribution<int>(0, n - 1)(random); };
  for (int round = 0; round < 2000; ++round) {
    std::vector<Claim> claims(static_cast<std::size_t>(below(6) + 1));
    int asked = 0;
    for (auto& claim : claims) {
      claim = {below(10), below(30), 0.5 * (1 + below(4))};
      asked += claim.more;
    }
    const int free = below(60);
    const auto shares = fair_shares(claims, free);
    int given = 0;
    for (std::size_t i = 0; i < claims.size(); ++i) {
      EXPECT_GE(shares[i], 0);
      EXPECT_LE(shares[i], claims[i].more);
      given += shares[i];
    }
    EXPECT_EQ(given, std::min(asked, free));
    for (std::size_t a = 0; a < claims.size(); ++a)
      for (std::size_t b = 0; b < claims.size(); ++b)
        if (shares[a] < claims[a].more && shares[b] > 0) {
          // one core from b to a would not have made it more even
          EXPECT_LE((claims[b].base + shares[b] - 1) / claims[b].weight,
                    (claims[a].base + shares[a] + 1) / claims[a].weight + 1e-6);
        }
  }
}

TEST(Fairness, UsersOfOnePriorityGetTheSameThoughOneHasManyJobs) {
  std::vector<JobView> jobs;
  for (int j = 0; j < 10; ++j)
    jobs.push_back(of("many", job(fmt::format("many{}", j), {.order = j, .max = 4, .parallel_seconds = 1})));
  for (int j = 0; j < 2; ++j)
    jobs.push_back(
        of("few", job(fmt::format("few{}", j), {.order = 10 + j, .max = 4, .parallel_seconds = 1})));
  const auto plan = make_plan({device("n", 8)}, jobs, {});
  EXPECT_EQ((std::vector<std::string>{plan.order.begin(), plan.order.begin() + 4}),
            (std::vector<std::string>{"many0", "few0", "many1", "few1"}));
  EXPECT_EQ(total_of(plan, jobs, "many"), 4);
  EXPECT_EQ(total_of(plan, jobs, "few"), 4);
  const auto weighed = make_plan({device("n", 8)}, jobs, {}, {.weights = {{"many", 3}}});
  EXPECT_EQ(total_of(weighed, jobs, "many"), 6);
  EXPECT_EQ(total_of(weighed, jobs, "few"), 2);
}

TEST(Fairness, GoesBehindPriority) {
  const std::vector<JobView> jobs = {of("a", job("high0", {.priority = 1})),
                                     of("a", job("high1", {.priority = 1})), of("b", job("low"))};
  const auto plan = make_plan({device("n", 2)}, jobs, {});
  EXPECT_EQ(total_of(plan, jobs, "a"), 2);
  EXPECT_THAT(plan.order, ElementsAre("high0", "high1", "low"));
}

JobView ending_in(double seconds, JobView view) {
  view.seconds_left = seconds;
  return view;
}

TEST(ShortestFirst, OfAUsersJobsOfOnePriority) {
  const std::vector<JobView> jobs = {ending_in(30, job("long", {.order = 0})), job("unknown", {.order = 1}),
                                     ending_in(10, job("short", {.order = 2})),
                                     ending_in(90, job("high", {.priority = 1, .order = 3})),
                                     ending_in(10, job("late", {.order = 4}))};
  EXPECT_THAT(make_plan({device("n", 1)}, jobs, {}, {.shortest_first = true}).order,
              ElementsAre("high", "short", "late", "long", "unknown"));
  EXPECT_THAT(make_plan({device("n", 1)}, jobs, {}).order,
              ElementsAre("high", "long", "unknown", "short", "late"))
      << "only where a cluster says so";
}

TEST(ShortestFirst, DoesNotBeatTurnsDeadlinesAndWhoIsDue) {
  auto due = ending_in(1000, job("due", {.order = 9}));
  due.due = true;
  auto pressing = ending_in(500, job("pressing", {.order = 8}));
  pressing.deadline = 700;
  std::vector<JobView> jobs = {due, pressing};
  for (int j = 0; j < 3; ++j)
    jobs.push_back(of("many", ending_in(1, job(fmt::format("many{}", j), {.order = j}))));
  jobs.push_back(of("few", ending_in(100, job("few", {.order = 5}))));
  EXPECT_THAT(make_plan({device("n", 1)}, jobs, {}, {.shortest_first = true}).order,
              ElementsAre("due", "pressing", "many0", "few", "many1", "many2"));
}

TEST(ShortestFirst, ParksALongerJobForAShorterOneButNotForOneOfItsLength) {
  Ledger ledger;
  ledger.add_device(device("n", 1));
  ledger.set_rules({.shortest_first = true});
  ASSERT_TRUE(ledger.add_job(job("first")));
  ledger.set_left("first", 100);
  answer_all(ledger);
  ASSERT_TRUE(ledger.add_job(job("second", {.order = 1})));
  ledger.set_left("second", 100);
  ledger.set_left("first", 115);  // as it is seen now: within what jitters
  answer_all(ledger);
  EXPECT_FALSE(ledger.in_force("first").empty());
  ledger.set_left("second", 50);
  answer_all(ledger);
  EXPECT_TRUE(ledger.in_force("first").empty());
  EXPECT_FALSE(ledger.in_force("second").empty());
  ledger.set_left("second", std::nullopt);
  answer_all(ledger);
  EXPECT_FALSE(ledger.in_force("first").empty());
}

TEST(ShortestFirst, GivesCoresWithoutLossToTheFirstBeforeTheNextBegins) {
  auto first = ending_in(10, job("first", {.order = 1, .max = 3}));
  first.demand.lossless_cores = 2;
  const auto second = ending_in(20, job("second", {.order = 0, .max = 3}));
  const auto cores = [&](const std::string& name, int there, bool shortest_first) {
    return cores_of(make_plan({device("n", there)}, {first, second}, {}, {.shortest_first = shortest_first})
                        .jobs.at(name)
                        .grants);
  };
  EXPECT_EQ(cores("first", 2, true), 2);
  EXPECT_EQ(cores("second", 2, true), 0);
  EXPECT_EQ(cores("second", 3, true), 1);
  EXPECT_EQ(cores("second", 2, false), 1) << "only where the shortest goes first";
  const auto plan = make_plan({device("n", 2)}, {first, second}, {}, {.shortest_first = true});
  EXPECT_THAT(plan.jobs.at("first").reason, HasSubstr("as good as nothing is lost"));
  auto other = second;
  other.user = "other";
  EXPECT_EQ(
      cores_of(
          make_plan({device("n", 2)}, {first, other}, {}, {.shortest_first = true}).jobs.at("second").grants),
      1)
      << "not out of what is another user's";
}

TEST(Deadlines, AreServedTheEarliestFirstWithinAPriority) {
  auto late = job("late", {.order = 1}), early = job("early", {.order = 2});
  late.deadline = 200;
  early.deadline = 100;
  const auto plan =
      make_plan({device("n", 2)}, {job("none"), late, early, job("high", {.priority = 1, .order = 3})}, {});
  EXPECT_THAT(plan.order, ElementsAre("high", "early", "late", "none"));
}

TEST(Deadlines, AreToldWhenTheyCannotBeMet) {
  auto view = job("a");
  EXPECT_FALSE(late_seconds(view, 0, 10, 10));
  view.deadline = 100;
  EXPECT_FALSE(late_seconds(view, 50, 10, 40));
  EXPECT_EQ(late_seconds(view, 50, 10, 45), 5);
  EXPECT_EQ(late_seconds(view, 50, 60, std::nullopt), 10);
  EXPECT_EQ(late_seconds(view, 107, std::nullopt, std::nullopt), 7);
}

TEST(Quota, BoundsAUserAndTheWordsSaySo) {
  const std::vector<JobView> jobs = {of("a", job("a0", {.min = 2, .max = 4, .parallel_seconds = 1})),
                                     of("a", job("a1", {.order = 1, .min = 2, .max = 2})),
                                     of("b", job("b0", {.order = 2, .max = 4}))};
  const auto plan = make_plan({device("n", 8)}, jobs, {}, {.user_cores = 3});
  EXPECT_EQ(total_of(plan, jobs, "a"), 3);
  EXPECT_EQ(plan.jobs.at("a1").reason, "waits for 2 cores of the 3 that user a may have: 3 are in use");
  EXPECT_EQ(total_of(plan, jobs, "b"), 3) << "nobody gets past it, even where cores are left";
  const auto bytes = make_plan({device("n", 8)}, jobs, {}, {.user_memory = mib(150)});
  EXPECT_EQ(cores_of(bytes.jobs.at("a1").grants), 0);
  EXPECT_THAT(bytes.jobs.at("a1").reason, HasSubstr("that user a may have"));
}

TEST(Quota, BoundsTheBytesThatComeWithFurtherCores) {
  auto wide = job("wide", {.max = 8, .parallel_seconds = 10});
  wide.demand.bytes_per_core = mib(50);
  const auto plan = make_plan({device("n", 8)}, {wide}, {}, {.user_memory = mib(260)});
  EXPECT_EQ(cores_of(plan.jobs.at("wide").grants), 4) << "100 MiB, and 50 for each of three more";
  EXPECT_LE(bytes_of(plan.jobs.at("wide").grants), mib(260));
}

TEST(Quota, RefusesAJobThatCouldNeverRunWithTheLargestThatCould) {
  Ledger ledger;
  ledger.add_device(device("n", 8));
  ledger.set_rules({.user_cores = 3, .user_memory = mib(512)});
  const auto cores = ledger.add_job(of("a", job("a", {.min = 4, .max = 4})));
  ASSERT_FALSE(cores);
  EXPECT_EQ(cores.error().allowed, "1 … 3");
  EXPECT_EQ(cores.error().code, ErrorCode::no_capacity);
  auto walled = job("b");
  walled.memory = gib(1);
  const auto memory = ledger.add_job(walled);
  ASSERT_FALSE(memory);
  EXPECT_EQ(memory.error().allowed, "up to " + to_string(mib(512)));
  ASSERT_TRUE(ledger.add_job(job("c", {.max = 8})));
  EXPECT_FALSE(ledger.pin("c", 4, std::nullopt));
  EXPECT_TRUE(ledger.pin("c", 3, std::nullopt));
}

TEST(Due, AJobThatHasWaitedLongGoesBeforeAllPriorities) {
  Ledger ledger;
  ledger.add_device(device("n", 2));
  ledger.set_rules({}, 100);
  ASSERT_TRUE(ledger.add_job(job("high", {.priority = 9, .min = 2, .max = 2})));
  ASSERT_TRUE(ledger.add_job(job("low", {.order = 1})));
  answer_all(ledger);
  EXPECT_TRUE(ledger.in_force("low").empty());
  ASSERT_EQ(ledger.next_due(), 100);
  ledger.clock(99);
  answer_all(ledger);
  EXPECT_TRUE(ledger.in_force("low").empty());
  ledger.clock(100);
  answer_all(ledger);
  EXPECT_EQ(cores_of(ledger.in_force("low")), 1);
  EXPECT_EQ(ledger.waited("low"), 100);
  ledger.clock(150);
  answer_all(ledger);
  EXPECT_EQ(cores_of(ledger.in_force("low")), 1) << "it keeps its turn";
  EXPECT_EQ(ledger.waited("low"), 100);
  EXPECT_EQ(ledger.waited("high"), 50);
}

TEST(Due, JobsHaveHalfOfTheCoresAndTheFirstInAnyCase) {
  std::vector<JobView> jobs = {job("wide", {.min = 3, .max = 3}), job("next", {.order = 1}),
                               job("high", {.priority = 1, .order = 2})};
  jobs[0].due = jobs[1].due = true;
  const auto plan = make_plan({device("n", 4)}, jobs, {});
  EXPECT_THAT(plan.order, ElementsAre("wide", "high", "next"));
}

TEST(Due, NobodyNewTakesTheMemoryThatADueJobWaitsFor) {
  auto big = job("big", {.bytes = gib(7)});
  big.memory = gib(7);
  big.due = true;
  auto parked = job("parked", {.order = 1});
  parked.held = gib(2);
  const auto plan = make_plan({device("n", 4)}, {big, parked, job("new", {.order = 2})}, {});
  EXPECT_EQ(cores_of(plan.jobs.at("big").grants), 0);
  EXPECT_GE(cores_of(plan.jobs.at("parked").grants), 1) << "it goes on, so that it ends";
  EXPECT_EQ(plan.jobs.at("new").reason,
            "waits for the turn of big, which has waited for long and needs the memory");
}

TEST(Estimate, CountsTheBytesOfAllCoresAndHeadroomAsThePlanDoes) {
  auto small = job("small", {.bytes = gib(3)}), large = job("large", {.order = 1, .bytes = gib(3)});
  auto wide = job("wide", {.order = 2, .min = 2, .max = 2, .bytes = gib(2)});
  wide.demand.bytes_per_core = gib(2);
  wide.demand.headroom = 0.5;  // 6 GiB on two cores
  const std::map<std::string, JobView> jobs = {{"small", small}, {"large", large}, {"wide", wide}};
  const std::vector<DeviceView> devices = {device("n", 4)};
  const auto plan = make_plan(devices, {small, large, wide}, {});
  ASSERT_TRUE(plan.jobs.at("wide").grants.empty());
  const auto told = estimate_starts(devices, jobs, plan, {{"small", 10}, {"large", 60}});
  EXPECT_EQ(told.at("wide").seconds, 60) << "5 GiB are free when small has ended";
}

TEST(Estimate, SaysWhenAWaitingJobStartsAndOnWhoseEndItDepends) {
  std::map<std::string, JobView> jobs = {{"a", job("a", {.min = 2, .max = 2})},
                                         {"b", job("b", {.order = 1, .min = 2, .max = 2})},
                                         {"c", job("c", {.order = 2, .min = 3, .max = 3})},
                                         {"d", job("d", {.order = 3, .min = 4, .max = 4})}};
  std::vector<JobView> all;
  for (const auto& [name, view] : jobs) all.push_back(view);
  const std::vector<DeviceView> devices = {device("n", 4)};
  const auto plan = make_plan(devices, all, {});
  const auto both = estimate_starts(devices, jobs, plan, {{"a", 60}, {"b", 100}, {"c", 5}});
  EXPECT_EQ(both.at("c").seconds, 100);
  EXPECT_EQ(both.at("c").words, "in about " + format_duration(100) + ", when b ends");
  EXPECT_EQ(both.at("d").seconds, 105);
  EXPECT_FALSE(both.contains("a"));
  const auto one = estimate_starts(devices, jobs, plan, {{"a", 60}});
  EXPECT_FALSE(one.at("c").seconds);
  EXPECT_EQ(one.at("c").words, "unknown: nobody knows yet when b ends");
}

/// Whoever submits what and whenever: every job comes to its end.
class Starvation : public ::testing::TestWithParam<unsigned> {};

TEST_P(Starvation, NobodyWaitsForEverWhateverIsSubmitted) {
  constexpr double kPatience = 50;
  std::mt19937 random(GetParam());
  const auto below = [&](int n) { return std::uniform_int_distribution<int>(0, n - 1)(random); };
  Ledger ledger;
  const int cores = below(4) + 2;
  ledger.add_device(device("n", cores, gib(2)));
  ledger.set_rules({.shortest_first = GetParam() % 2 == 1}, kPatience);
  std::map<std::string, int> left;  // seconds of work, on however many cores
  std::map<std::string, double> came;
  double worst = 0;
  for (int second = 0; second < 4000; ++second) {
    // more is submitted than can be done for as long as there is a victim; and it goes first by priority
    if (second < 2000 && left.size() < 30) {
      const bool victim = second % 100 == 0;
      auto view = job(fmt::format("j{}", second), {.priority = victim ? -1 : below(3),
                                                   .order = second,
                                                   .min = victim ? cores : below(2) + 1,
                                                   .max = cores,
                                                   .bytes = mib(victim ? 1800 : 400)});
      view.memory = view.demand.bytes;
      view.user = fmt::format("u{}", second % 7);
      left[view.name] = below(8) + 1;
      view.seconds_left = victim ? 1e6 : left[view.name];
      ASSERT_TRUE(ledger.add_job(view));
      came[view.name] = second;
    }
    ledger.clock(second);
    answer_all(ledger);
    for (auto it = left.begin(); it != left.end();) {
      const bool runs = !ledger.in_force(it->first).empty();
      if (runs) ledger.set_held(it->first, mib(100));  // it has state from now on, parked or not
      if (runs && --it->second == 0) {
        ledger.remove_job(it->first);
        worst = std::max(worst, second - came[it->first]);
        it = left.erase(it);
      } else {
        ++it;
      }
    }
  }
  EXPECT_TRUE(left.empty()) << left.size() << " jobs never ended; the first: " << left.begin()->first;
  // each of the jobs before it may take 8 s, on half of the cores
  EXPECT_LT(worst, kPatience + 40 * 8 * 2);
}
INSTANTIATE_TEST_SUITE_P(Seeds, Starvation, ::testing::Range(0u, 12u));

}  // namespace
}  // namespace troupe
