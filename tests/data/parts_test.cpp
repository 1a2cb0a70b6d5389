// The pure parts under the pyramid: filters, slices, windows, held-out blocks, the parallel loop.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <numeric>

#include "data/holdout.hpp"
#include "data/parallel.hpp"
#include "data/resample.hpp"
#include "data/slices.hpp"

namespace troupe {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatNear;

PlaneView view(const std::vector<float>& plane, int width) {
  return {plane.data(), width, static_cast<int>(plane.size()) / width, 1, width};
}

TEST(Resample, ASquareOfItsOwnSizeStaysItself) {
  std::vector<float> plane(64);
  std::iota(plane.begin(), plane.end(), 0.0F);
  const AxisFilter same(8, 1, 8, 8);
  EXPECT_THAT(resample(view(plane, 8), same, same), ::testing::Pointwise(FloatNear(1e-4F), plane));
}

TEST(Resample, AConstantStaysConstantAtEverySize) {
  for (const int size : {1, 3, 8, 17, 64}) {
    const std::vector<float> plane(20 * 20, 0.7F);
    const AxisFilter filter(20, 1, 20, size);
    EXPECT_THAT(resample(view(plane, 20), filter, filter), Each(FloatNear(0.7F, 1e-5F))) << size;
  }
}

TEST(Resample, StripesTooFineToShowBecomeGreyNotMoire) {
  std::vector<float> plane(240 * 240);
  for (std::size_t i = 0; i < plane.size(); ++i) plane[i] = static_cast<float>(i % 2);
  const AxisFilter filter(240, 1, 240, 16);
  EXPECT_THAT(resample(view(plane, 240), filter, filter), Each(FloatNear(0.5F, 0.02F)));
}

TEST(Resample, WhatIsNarrowerThanTheFieldStandsInItsMiddle) {
  const std::vector<float> plane(2 * 8, 1.0F);  // 2 wide, 8 high, each column 2 across: 4 of 8
  const auto out = resample(view(plane, 2), AxisFilter(2, 2, 8, 8), AxisFilter(8, 1, 8, 8));
  EXPECT_THAT(std::vector<float>(out.begin() + 24, out.begin() + 32), ElementsAre(0, 0, 1, 1, 1, 1, 0, 0));
}

TEST(Resample, HalvingAveragesTwoByTwo) {
  const std::vector<float> plane = {1, 3, 0, 0, 5, 7, 0, 4, 0, 0, 2, 2, 0, 0, 2, 2};
  EXPECT_THAT(halve(plane, 4), ElementsAre(4, 1, 0, 2));
}

// x + 10 y + 100 z
Volume numbered() {
  Volume v;
  v.size = {2, 3, 4};
  v.spacing = {1, 2, 3};
  for (int z = 0; z < 4; ++z) {
    for (int y = 0; y < 3; ++y) {
      for (int x = 0; x < 2; ++x) v.voxels.push_back(static_cast<float>(x + 10 * y + 100 * z));
    }
  }
  return v;
}

TEST(Slices, HangUpright) {
  const auto v = numbered();
  const auto axial = cut(v, Axis::axial, 1);
  EXPECT_EQ(axial.view.at(0, 0), 120);  // top left: left of the patient, anterior
  EXPECT_EQ(axial.view.at(1, 2), 101);
  const auto coronal = cut(v, Axis::coronal, 2);
  EXPECT_EQ(coronal.view.at(0, 0), 320);  // top: superior
  EXPECT_EQ(coronal.view.at(1, 3), 21);
  const auto sagittal = cut(v, Axis::sagittal, 1);
  EXPECT_EQ(sagittal.view.at(0, 0), 321);  // top left: superior, anterior
  EXPECT_EQ(sagittal.view.at(2, 3), 1);
  EXPECT_EQ(sagittal.column_spacing, 2);
  EXPECT_EQ(sagittal.row_spacing, 3);
  EXPECT_EQ(field_of_view(v), 12);
  EXPECT_FALSE(parse_axis("oblique"));
}

TEST(Slices, TheWindowIgnoresZerosAndOutliers) {
  Volume v;
  v.size = {1, 1, 3000};
  v.voxels.assign(2000, 0.0F);
  for (int i = 0; i < 1000; ++i) v.voxels.push_back(static_cast<float>(1000 - i));
  v.voxels.back() = -1e30F;
  v.voxels[2000] = 1e30F;
  const auto w = window_of(v);
  EXPECT_EQ(w.low, 5);
  EXPECT_EQ(w.high, 995);
}

TEST(Slices, AMaskIsShownBetweenZeroAndItself) {
  Volume v;
  v.size = {1, 1, 4};
  v.voxels = {0, 3, 3, 0};
  const auto w = window_of(v);
  EXPECT_FALSE(w.empty);
  apply(w, v.voxels);
  EXPECT_THAT(v.voxels, ElementsAre(0, 1, 1, 0));
  v.voxels.assign(4, 0);
  EXPECT_TRUE(window_of(v).empty);
}

TEST(Slices, AWindowPastTheLargestFloatIsFinite) {
  Volume v;
  v.size = {1, 1, 2};
  v.voxels = {-3e38F, 3e38F};
  apply({-3e38F, 3e38F, false}, v.voxels);
  EXPECT_THAT(v.voxels, ElementsAre(0, 1));
}

TEST(Slices, ContentIsTheShareAboveTheBackground) {
  Volume v;
  v.size = {2, 1, 2};
  v.voxels = {0.04F, 1, 0, 0.06F};
  const auto contents = contents_of(v);
  EXPECT_THAT(contents[0], ElementsAre(0, 1));
  EXPECT_THAT(contents[1], ElementsAre(0.5));
  EXPECT_THAT(contents[2], ElementsAre(0.5, 0.5));
}

std::vector<std::int64_t> block_lengths(const std::vector<bool>& held) {
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; i < held.size(); ++i) {
    if (!held[i]) continue;
    if (i == 0 || !held[i - 1]) out.push_back(0);
    ++out.back();
  }
  return out;
}

TEST(Holdout, BlocksOfAboutEightAreSpreadOverTheRun) {
  const auto held = held_out(160, 0.1);
  EXPECT_THAT(block_lengths(held), ElementsAre(8, 8));
  EXPECT_TRUE(held[40]);
  EXPECT_TRUE(held[120]);
  EXPECT_FALSE(held[0]);
  EXPECT_FALSE(held[80]);
}

TEST(Holdout, TheShareIsKeptForEveryLength) {
  for (std::int64_t n = 2; n < 500; ++n) {
    const auto held = held_out(n, 0.1);
    EXPECT_EQ(std::count(held.begin(), held.end(), true), (n + 9) / 10) << n;
  }
  EXPECT_THAT(block_lengths(held_out(200, 0)), ElementsAre());
  EXPECT_THAT(block_lengths(held_out(1, 0.5)), ElementsAre());
  const auto most = held_out(20, 0.99);
  EXPECT_LT(std::count(most.begin(), most.end(), true), 20);
}

TEST(ParallelFor, DoesEveryItemOnce) {
  std::vector<std::atomic<int>> done(1000);
  ASSERT_TRUE(parallel_for(4, 1000, [&](std::int64_t i) -> Result<void> {
    ++done[static_cast<std::size_t>(i)];
    return {};
  }));
  for (const auto& d : done) ASSERT_EQ(d, 1);
  EXPECT_TRUE(parallel_for(4, 0, [](std::int64_t) -> Result<void> { throw 1; }));
}

TEST(ParallelFor, ReportsAFailureAndAnException) {
  const auto failed = parallel_for(2, 100, [](std::int64_t i) -> Result<void> {
    if (i == 0) return fail({ErrorCode::io, "first", "", "", "", ""});
    return {};
  });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().what, "first");
  const auto thrown =
      parallel_for(2, 1, [](std::int64_t) -> Result<void> { throw std::runtime_error("boom"); });
  ASSERT_FALSE(thrown);
  EXPECT_THAT(thrown.error().text(), ::testing::HasSubstr("boom"));
}

}  // namespace
}  // namespace troupe
