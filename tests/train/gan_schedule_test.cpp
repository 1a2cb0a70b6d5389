#include "train/gan/schedule.hpp"

#include <gtest/gtest.h>

#include "tests/train/gan_fakes.hpp"

namespace troupe::gan {
namespace {

TEST(GanSchedule, RoundsImagesUpToWholeStepsAndRepeatsTheLastEntry) {
  auto job = test::small_job();
  job.gan.images = {13, 25};  // 12 a step
  const Schedule schedule(job.gan);
  EXPECT_EQ(schedule.phases(), 3);
  EXPECT_EQ(schedule.first_step(1), 2);
  EXPECT_EQ(schedule.first_step(2), 5);
  EXPECT_EQ(schedule.steps(), 8);
}

TEST(GanSchedule, PhasesFollowOneAnotherWithoutGaps) {
  const Schedule schedule(test::small_job().gan);
  std::int64_t images = 0;
  for (std::int64_t step = 0; step <= schedule.steps(); ++step) {
    const Moment m = schedule.moment(step);
    EXPECT_EQ(m.step, step);
    EXPECT_EQ(m.images, images);
    EXPECT_EQ(m.resolution, 4 << m.phase);
    EXPECT_GE(step, m.phase_first);
    if (step < schedule.steps()) {
      EXPECT_LT(step, m.phase_end);
    }
    images += schedule.images_per_step();
  }
  EXPECT_EQ(schedule.moment(schedule.steps()).phase, 2);
  EXPECT_EQ(schedule.moment(schedule.steps()).phase_name, "16x16");
}

TEST(GanSchedule, FadesInOverTheFirstShareOfEveryPhaseButTheFirst) {
  const Schedule schedule(test::small_job().gan);  // 4, 6 and 6 steps; fade 0.5
  for (std::int64_t step = 0; step < 4; ++step) EXPECT_EQ(schedule.moment(step).fade, 1);
  EXPECT_DOUBLE_EQ(schedule.moment(4).fade, 0.25);
  EXPECT_DOUBLE_EQ(schedule.moment(5).fade, 0.5);
  EXPECT_DOUBLE_EQ(schedule.moment(6).fade, 0.75);
  EXPECT_EQ(schedule.moment(7).fade, 1);
  EXPECT_EQ(schedule.moment(schedule.steps()).fade, 1);
}

TEST(GanSchedule, FadesAllThePhaseButNeverBeyondWhereTheShareIsOne) {
  auto job = test::small_job();
  job.gan.fade = 1;
  const Schedule schedule(job.gan);
  EXPECT_LT(schedule.moment(schedule.steps() - 1).fade, 1);
  EXPECT_EQ(schedule.moment(schedule.steps()).fade, 1);
}

}  // namespace
}  // namespace troupe::gan
