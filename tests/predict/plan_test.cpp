#include "predict/plan.hpp"

#include <gmock/gmock.h>

#include "tests/predict/jobs.hpp"

namespace troupe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using troupe::testing::bytes_of;
using troupe::testing::cores_of;
using troupe::testing::device;
using troupe::testing::job;

TEST(WantedCores, AreTheFewestThatMeetTheTarget) {
  auto view = job("a", {.max = 8, .parallel_seconds = 0.2});
  EXPECT_EQ(wanted_cores(view), 4);
  view.demand.serial_seconds = 0.01;
  EXPECT_EQ(wanted_cores(view), 5);
  view.demand.serial_seconds = 0.06;  // no number of cores is enough
  EXPECT_EQ(wanted_cores(view), 8);
}

TEST(WantedCores, AreTheMinimumWhenNothingIsKnown) {
  EXPECT_EQ(wanted_cores(job("a", {.min = 2, .max = 8})), 2);
}

TEST(WantedCores, ArePinnedByTheUser) {
  auto view = job("a", {.max = 2, .parallel_seconds = 0.2});
  view.pinned_cores = 3;
  EXPECT_EQ(wanted_cores(view), 3);
}

TEST(Plan, GivesAHigherPriorityItsWantedCoresBeforeALowerOneItsMinimum) {
  const auto plan = make_plan(
      {device("n", 2)}, {job("small"), job("gan", {.priority = 10, .max = 2, .parallel_seconds = 0.31})}, {});
  EXPECT_EQ(cores_of(plan.jobs.at("gan").grants), 2);
  EXPECT_THAT(plan.jobs.at("small").grants, ElementsAre());
  EXPECT_EQ(plan.jobs.at("small").reason, "waits for 1 core: gan (priority 10) holds 2 of 2");
  EXPECT_THAT(plan.jobs.at("gan").reason, HasSubstr("wants 2 cores: a step takes"));
}

TEST(Plan, GivesJobsOfEqualPriorityTheirMinimumsFirst) {
  const auto plan = make_plan(
      {device("n", 3)},
      {job("first", {.order = 1, .max = 3, .parallel_seconds = 1}), job("second", {.order = 2, .max = 2})},
      {});
  EXPECT_EQ(cores_of(plan.jobs.at("first").grants), 2);
  EXPECT_EQ(cores_of(plan.jobs.at("second").grants), 1);
  EXPECT_THAT(plan.jobs.at("first").reason, HasSubstr("has 2 of 3 cores wanted"));
}

TEST(Plan, GivesAMinimumWholeOrNotAtAll) {
  const auto plan = make_plan({device("n", 4)},
                              {job("a", {.order = 1, .min = 3, .max = 3}),
                               job("b", {.order = 2, .min = 2, .max = 2}), job("c", {.order = 3})},
                              {});
  EXPECT_EQ(cores_of(plan.jobs.at("a").grants), 3);
  EXPECT_EQ(cores_of(plan.jobs.at("b").grants), 0);
  EXPECT_EQ(cores_of(plan.jobs.at("c").grants), 1);
  EXPECT_EQ(plan.jobs.at("b").reason, "waits for 1 core: a (priority 0) holds 3 of 4");
}

TEST(Plan, LeavesSpareCoresToThoseThatMayUseThem) {
  const auto plan = make_plan({device("n", 4)}, {job("a", {.max = 3}), job("b", {.order = 1, .max = 4})}, {});
  EXPECT_EQ(cores_of(plan.jobs.at("a").grants), 3);
  EXPECT_EQ(cores_of(plan.jobs.at("b").grants), 1);
  EXPECT_THAT(plan.jobs.at("a").reason, HasSubstr("has 3 cores, 2 more than it wants"));
}

TEST(Plan, LetsAPinOverrideWhatTheJobWants) {
  auto pinned = job("a", {.min = 2, .max = 2, .parallel_seconds = 9});
  pinned.pinned_cores = 1;
  const auto plan = make_plan({device("n", 4)}, {pinned}, {});
  EXPECT_EQ(cores_of(plan.jobs.at("a").grants), 1);
  EXPECT_THAT(plan.jobs.at("a").reason, HasSubstr("as `troupe resize` asked"));
}

TEST(Plan, LetsAJobWaitForMemoryAndSaysHowMuchIsFree) {
  const auto plan =
      make_plan({device("n", 4, gib(2))},
                {job("a", {.priority = 1, .bytes = mib(1500)}), job("b", {.bytes = gib(1)})}, {});
  EXPECT_EQ(bytes_of(plan.jobs.at("a").grants), mib(1500));
  EXPECT_EQ(cores_of(plan.jobs.at("b").grants), 0);
  EXPECT_EQ(plan.jobs.at("b").reason, "waits for " + to_string(gib(1)) + " of memory: " +
                                          to_string(mib(548)) + " of " + to_string(gib(2)) + " are free");
}

TEST(Plan, KeepsTheBytesThatAParkedJobHolds) {
  auto parked = job("parked", {.bytes = mib(700)});
  parked.held = mib(600);
  const auto plan =
      make_plan({device("n", 1, gib(1))}, {parked, job("a", {.priority = 1, .bytes = mib(500)})}, {});
  EXPECT_EQ(cores_of(plan.jobs.at("a").grants), 1) << plan.jobs.at("a").reason;
  EXPECT_EQ(bytes_of(plan.jobs.at("a").grants), mib(424));  // its prediction is capped at what there is
  EXPECT_THAT(plan.jobs.at("a").reason, HasSubstr("capped"));
}

TEST(Plan, TakesAWallAsItStands) {
  auto walled = job("a");
  walled.memory = gib(9);
  const auto plan = make_plan({device("n", 2)}, {walled}, {});
  EXPECT_EQ(plan.jobs.at("a").reason,
            "asks for more than there is: " + to_string(gib(9)) + " of memory of " + to_string(gib(8)));
}

TEST(Plan, RefusesMoreCoresThanThereAre) {
  const auto plan = make_plan({device("n", 2)}, {job("a", {.min = 3, .max = 3})}, {});
  EXPECT_EQ(plan.jobs.at("a").reason, "asks for more than there is: 3 cores of 2");
}

TEST(Plan, DealsCoresEvenlyOverSlicesWithMemoryInProportion) {
  const auto plan =
      make_plan({device("n", 5)}, {job("a", {.min = 5, .max = 5, .slices = 3, .bytes = mib(500)})}, {});
  EXPECT_THAT(plan.jobs.at("a").grants, ElementsAre(Grant{"n", {0, 1}, mib(200)},
                                                    Grant{"n", {2, 3}, mib(200)}, Grant{"n", {4}, mib(100)}));
}

TEST(Plan, HasFewerSlicesThanAskedForWhereCoresAreFewer) {
  const auto plan = make_plan({device("n", 2)}, {job("a", {.min = 2, .max = 2, .slices = 5})}, {});
  EXPECT_EQ(plan.jobs.at("a").grants.size(), 2u);
}

TEST(Plan, PrefersOneDeviceAndSpreadsOnlyWhereItMust) {
  const std::vector<DeviceView> devices = {device("x", 2), device("y", 4)};
  EXPECT_EQ(make_plan(devices, {job("a", {.min = 3, .max = 3})}, {}).jobs.at("a").grants.front().node, "y");
  const auto wide =
      make_plan(devices, {job("a", {.min = 6, .max = 6, .bytes = mib(600)})}, {}).jobs.at("a").grants;
  ASSERT_EQ(wide.size(), 2u);
  EXPECT_EQ(wide[0].memory, mib(400));
  EXPECT_EQ(wide[1].memory, mib(200));
}

TEST(Plan, KeepsTheCoresThatAJobHas) {
  const std::map<std::string, std::vector<Grant>> now = {{"b", {Grant{"n", {2, 3}, mib(100)}}}};
  const auto plan =
      make_plan({device("n", 4)}, {job("a", {.priority = 1, .max = 1}), job("b", {.min = 2, .max = 2})}, now);
  EXPECT_THAT(plan.jobs.at("b").grants, ElementsAre(Grant{"n", {2, 3}, mib(100)}));
  EXPECT_THAT(plan.jobs.at("a").grants.at(0).cores, ElementsAre(0));
}

TEST(Plan, KeepsCoresInTheirSliceWhenAJobGrows) {
  const std::map<std::string, std::vector<Grant>> now = {{"a", {{"n", {0}, mib(50)}, {"n", {1}, mib(50)}}}};
  const auto plan = make_plan({device("n", 3)}, {job("a", {.min = 3, .max = 3, .slices = 2})}, now);
  ASSERT_EQ(plan.jobs.at("a").grants.size(), 2u);
  EXPECT_THAT(plan.jobs.at("a").grants[0].cores, ElementsAre(0, 2));
  EXPECT_THAT(plan.jobs.at("a").grants[1].cores, ElementsAre(1));
}

TEST(Plan, GivesNoCoreOfANodeThatCannotRunTheJob) {
  auto barred = job("a", {.max = 4});
  barred.target_step_seconds = 1e-9;
  barred.demand.parallel_seconds = 1;
  barred.barred = {"x"};
  const std::map<std::string, std::vector<Grant>> now = {{"a", {{"x", {0, 1}, mib(100)}}}};
  const auto moved = make_plan({device("x", 2), device("y", 2)}, {barred}, now);
  EXPECT_THAT(moved.jobs.at("a").grants, ElementsAre(Grant{"y", {0, 1}, mib(100)}));
  const auto waits = make_plan({device("x", 2)}, {barred}, now);
  EXPECT_TRUE(waits.jobs.at("a").grants.empty());
  EXPECT_NE(waits.jobs.at("a").reason.find("cannot run on x"), std::string::npos)
      << waits.jobs.at("a").reason;
}

TEST(Plan, LeavesARunningJobAloneWhenAnotherDeviceIsIdle) {
  const std::map<std::string, std::vector<Grant>> now = {{"low", {{"x", {0, 1}, mib(100)}}}};
  const auto plan =
      make_plan({device("x", 2), device("y", 2)},
                {job("low", {.min = 2, .max = 2}), job("high", {.priority = 5, .min = 2, .max = 2})}, now);
  EXPECT_EQ(plan.jobs.at("low").grants.at(0).node, "x");
  EXPECT_EQ(plan.jobs.at("high").grants.at(0).node, "y");
}

/// 100 MiB with one core and 50 for each further one; the target wants as many cores as it may have.
JobView growing(const std::string& name, int max) {
  auto view = job(name, {.max = max, .parallel_seconds = 9});
  view.demand.bytes_per_core = mib(50);
  return view;
}

TEST(Plan, GivesTheBytesOfTheCoresThatAJobGets) {
  for (int cores = 1; cores <= 4; ++cores) {
    const auto plan = make_plan({device("n", cores)}, {growing("a", 4)}, {});
    EXPECT_EQ(bytes_of(plan.jobs.at("a").grants), mib(100 + 50 * (cores - 1))) << cores;
  }
}

TEST(Plan, TellsWhatWasMeasuredFromWhatIsExpected) {
  auto seen = job("seen", {.parallel_seconds = 0.04}), told = seen;
  told.name = "told";
  told.demand.measured = false;
  const auto plan = make_plan({device("n", 2)}, {seen, told}, {});
  EXPECT_THAT(plan.jobs.at("seen").reason, HasSubstr("a step takes 40 ms"));
  EXPECT_THAT(plan.jobs.at("told").reason, HasSubstr("a step is expected to take 40 ms"));
}

TEST(Plan, GivesHeadroomAndSaysSoWhereForecastsFellShort) {
  auto view = job("a", {.bytes = mib(100)});
  view.demand.headroom = 0.02;
  auto plan = make_plan({device("n", 1)}, {view}, {});
  EXPECT_EQ(bytes_of(plan.jobs.at("a").grants), mib(102));
  EXPECT_THAT(plan.jobs.at("a").reason, Not(HasSubstr("headroom")));
  view.demand.headroom = 0.5;
  plan = make_plan({device("n", 1)}, {view}, {});
  EXPECT_EQ(bytes_of(plan.jobs.at("a").grants), mib(150));
  EXPECT_THAT(plan.jobs.at("a").reason, HasSubstr("; 50 % of headroom over its predicted memory"));
}

TEST(Plan, GivesNoCoreWhoseBytesAreNotThere) {
  const auto plan = make_plan({device("n", 4, mib(160))}, {growing("a", 4)}, {});
  EXPECT_THAT(plan.jobs.at("a").grants, ElementsAre(Grant{"n", {0, 1}, mib(150)}));
  const auto capped = make_plan({device("n", 4, mib(80))}, {growing("a", 4)}, {});
  EXPECT_EQ(bytes_of(capped.jobs.at("a").grants), mib(80));  // tried with all there is
}

TEST(Plan, GivesAWallToAnyNumberOfCores) {
  auto walled = growing("a", 4);
  walled.memory = mib(90);
  EXPECT_EQ(bytes_of(make_plan({device("n", 4)}, {walled}, {}).jobs.at("a").grants),
            mib(90) - Bytes{mib(90).count % 4});
}

TEST(Demand, CountsNoFurtherThanBytesGo) {
  const Demand demand{.phase = {}, .bytes = gib(1), .bytes_per_core = Bytes{std::int64_t{1} << 62}};
  EXPECT_EQ(demand.bytes_for(1), gib(1));
  EXPECT_EQ(demand.bytes_for(0), gib(1));
  EXPECT_EQ(demand.bytes_for(4).count, std::numeric_limits<std::int64_t>::max());
}

TEST(Plan, MovesASliceToFillAHoleSoThatAWaitingJobStarts) {
  const std::map<std::string, std::vector<Grant>> now = {{"a", {{"x", {0}, gib(3)}}},
                                                         {"b", {{"y", {0}, gib(3)}}}};
  auto a = job("a", {.order = 1}), b = job("b", {.order = 2}), big = job("big", {.order = 3});
  a.memory = b.memory = gib(3);
  big.memory = gib(6);
  const std::vector<DeviceView> devices = {device("x", 2), device("y", 2)};
  const auto plan = make_plan(devices, {a, b, big}, now);
  ASSERT_EQ(cores_of(plan.jobs.at("big").grants), 1) << plan.jobs.at("big").reason;
  EXPECT_EQ(plan.jobs.at("a").grants.at(0).node, plan.jobs.at("b").grants.at(0).node);
  EXPECT_NE(plan.jobs.at("a").grants.at(0).node, plan.jobs.at("big").grants.at(0).node);
  std::map<std::string, std::vector<Grant>> then;
  for (const auto& [name, decision] : plan.jobs) then[name] = decision.grants;
  for (const auto& [name, decision] : make_plan(devices, {a, b, big}, then).jobs)
    EXPECT_TRUE(decision.stays) << name;
  for (const auto& [name, decision] : make_plan(devices, {a, b}, now).jobs)
    EXPECT_TRUE(decision.stays) << name << " moves where nobody gains by it";
}

TEST(Plan, MovesNobodyWhereTheHoleIsNotFilledByIt) {
  // big would fit on x without a and b; y has room for either of them, not for both, and z no core
  const auto walled = [](const std::string& name, int order, Bytes memory) {
    auto view = job(name, {.order = order});
    view.memory = memory;
    return view;
  };
  const std::vector<DeviceView> devices = {device("x", 3), device("y", 2), device("z", 1)};
  const std::vector<JobView> jobs = {walled("a", 1, gib(3)),   walled("b", 2, gib(3)),
                                     walled("c", 3, gib(5)),   walled("d", 4, gib(5)),
                                     walled("big", 5, gib(6)), walled("small", 6, mib(100))};
  const std::map<std::string, std::vector<Grant>> now = {{"a", {{"x", {0}, gib(3)}}},
                                                         {"b", {{"x", {1}, gib(3)}}},
                                                         {"c", {{"y", {0}, gib(5)}}},
                                                         {"d", {{"z", {0}, gib(5)}}}};
  const auto plan = make_plan(devices, jobs, now);
  EXPECT_TRUE(plan.jobs.at("big").grants.empty());
  EXPECT_EQ(cores_of(plan.jobs.at("small").grants), 1) << "so that it is another plan than the last";
  for (const auto& [name, grants] : now) EXPECT_EQ(plan.jobs.at(name).grants, grants) << name;
}

TEST(Plan, PutsAJobWhereItLeavesTheLeastWithoutMemory) {
  // on x its bytes would leave three cores without any; y has bytes to spare
  const std::vector<DeviceView> devices = {device("x", 4, gib(4)), device("y", 4, gib(16))};
  std::vector<JobView> jobs = {job("big", {.order = 1, .bytes = gib(4)})};
  for (int j = 0; j < 6; ++j)
    jobs.push_back(job("small" + std::to_string(j), {.order = 2 + j, .bytes = gib(1)}));
  const auto plan = make_plan(devices, jobs, {});
  EXPECT_EQ(plan.jobs.at("big").grants.at(0).node, "y");
  for (const auto& view : jobs) EXPECT_EQ(cores_of(plan.jobs.at(view.name).grants), 1) << view.name;
}

}  // namespace
}  // namespace troupe
