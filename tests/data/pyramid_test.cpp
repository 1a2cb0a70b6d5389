// The pyramid: what it holds, that it is the same by any number of threads, and that a broken one is built
// again.
#include "data/pyramid.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "base/files.hpp"
#include "data/gzip.hpp"
#include "tests/data/folder.hpp"
#include "tests/full_disk.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;
using ::testing::Each;
using ::testing::HasSubstr;
using Part = Pyramid::Part;
using testing::ball;
using testing::Folder;
using testing::picture;

using Opened = Result<std::shared_ptr<const Pyramid>>;

struct PyramidTest : ::testing::Test {
  Folder folder;
  DataConfig data;
  int built = 0;
  PyramidTest() { data.path = folder / "data"; }
  Opened open(int threads = 2, int smallest = 4, int largest = 16) {
    built = 0;
    return open_pyramid(data, smallest, largest, folder / "cache", threads, [&](const PyramidProgress& p) {
      EXPECT_LE(p.done, p.total);
      built += p.stage == "write";
    });
  }
  std::shared_ptr<const Pyramid> good(int threads = 2) {
    auto opened = open(threads);
    EXPECT_TRUE(opened) << opened.error().text();
    return opened ? *opened : nullptr;
  }
  std::string refusal() {
    auto opened = open();
    return opened ? "was opened" : opened.error().text();
  }
  std::vector<fs::path> cached() const {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(folder / "cache"))
      if (entry.path().extension() != ".use") out.push_back(entry.path());
    return out;
  }
};

TEST_F(PyramidTest, VolumesAreCutAlongEveryAxisUpright) {
  folder.put("data/ball.nii", ball());
  const auto p = good();
  ASSERT_TRUE(p);
  EXPECT_EQ(p->channels(), 1);
  EXPECT_EQ(p->smallest(), 4);
  EXPECT_EQ(p->largest(), 16);
  const auto total = p->count(Part::train) + p->count(Part::holdout);
  EXPECT_GT(total, 3 * 20);
  EXPECT_LT(total, 3 * 29);  // the empty slices at both ends were dropped
  EXPECT_GE(p->count(Part::holdout), total / 10);
  // axial slices come first: brighter at the top (anterior); background in the corner
  const auto axial = p->levels(Part::train, 16, 5);
  EXPECT_GT(axial[16 * 5 + 8], axial[16 * 11 + 8]);
  EXPECT_EQ(axial[0], 0);
  // sagittal slices come last: brighter at the top (superior) and to the left (anterior)
  const auto sagittal = p->levels(Part::train, 16, p->count(Part::train) - 5);
  EXPECT_GT(sagittal[16 * 5 + 8], sagittal[16 * 11 + 8]);
  EXPECT_GT(sagittal[16 * 8 + 5], sagittal[16 * 8 + 11]);
}

TEST_F(PyramidTest, SmallerSizesAreMeansOfTheLarger) {
  folder.put("data/ball.nii", ball());
  const auto p = good();
  ASSERT_TRUE(p);
  const auto index = [](int y, int x, int width) {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x);
  };
  for (std::int64_t i = 0; i < p->count(Part::train); ++i) {
    for (const int size : {4, 8}) {
      const auto small = p->levels(Part::train, size, i), large = p->levels(Part::train, 2 * size, i);
      for (int y = 0; y < size; ++y) {
        for (int x = 0; x < size; ++x) {
          const auto at = [&](int dy, int dx) { return large[index(2 * y + dy, 2 * x + dx, 2 * size)]; };
          const double mean = (at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1)) / 4.0;
          ASSERT_NEAR(small[index(y, x, size)], mean, 1.01);
        }
      }
    }
  }
}

TEST_F(PyramidTest, AreReadAsFloatsBetweenMinusOneAndOne) {
  folder.put("data/white.png", picture(8, 8, 1, 1));
  folder.put("data/z_black.png", picture(8, 8, 1, 0));
  data.holdout = 0;
  const auto p = good();
  ASSERT_TRUE(p);
  std::vector<float> out(64);
  p->read(Part::train, 8, 0, out);
  EXPECT_THAT(out, Each(1.0F));
  p->read(Part::train, 8, 1, out);
  EXPECT_THAT(out, Each(-1.0F));
  EXPECT_THROW(p->read(Part::train, 4, 0, out), ErrorException);
  EXPECT_THROW(p->levels(Part::train, 8, 2), ErrorException);
  EXPECT_THROW(p->levels(Part::train, 5, 0), ErrorException);
  EXPECT_THROW(p->levels(Part::train, 32, 0), ErrorException);
  EXPECT_THROW(p->levels(Part::holdout, 8, 0), ErrorException);
}

TEST_F(PyramidTest, TheBytesDoNotDependOnTheNumberOfThreads) {
  folder.put("data/a.nii", ball(40));
  folder.put("data/b.nii.gz", gzip(ball(24)));
  std::vector<std::string> files;
  for (const int threads : {1, 4}) {
    fs::remove_all(folder / "cache");
    ASSERT_TRUE(good(threads));
    ASSERT_EQ(cached().size(), 1U);
    files.push_back(*read_file(cached()[0]));
  }
  EXPECT_EQ(files[0], files[1]);
}

TEST_F(PyramidTest, ItsContentIsToldWhereverTheDataLie) {
  folder.put("data/a.nii", ball());
  folder.put("elsewhere/b.nii", ball());
  folder.put("brighter/a.nii", ball(40));
  const auto here = good();
  data.path = folder / "elsewhere";
  const auto there = good();
  EXPECT_EQ(there->content(), here->content());
  EXPECT_NE(there->key(), here->key());
  EXPECT_NE(here->content(), 0U);
  data.path = folder / "brighter";
  EXPECT_NE(good()->content(), here->content()) << "other images";
  data.path = folder / "data";
  data.holdout = 0.3;
  EXPECT_NE(good()->content(), here->content()) << "others held out";
}

TEST_F(PyramidTest, IsBuiltOnceAndAgainWhenAnythingChanges) {
  folder.put("data/a.nii", ball());
  const auto first = good();
  EXPECT_EQ(built, 1);
  EXPECT_EQ(good()->key(), first->key());
  EXPECT_EQ(built, 0);
  data.min_content = 0.3;
  EXPECT_NE(good()->key(), first->key());
  EXPECT_EQ(built, 1);
  data.min_content = 0.15;
  data.axes = {"axial"};
  EXPECT_LT(good()->count(Part::train), first->count(Part::train));
  EXPECT_EQ(built, 1);
  folder.put("data/b.nii", ball(24));
  good();
  EXPECT_EQ(built, 1);
  fs::last_write_time(folder / "data/b.nii",
                      fs::last_write_time(folder / "data/b.nii") + std::chrono::seconds(5));
  good();
  EXPECT_EQ(built, 1);
}

TEST_F(PyramidTest, OneCutShortOrDamagedIsBuiltAgain) {
  folder.put("data/a.nii", ball());
  ASSERT_TRUE(good());
  const auto file = cached().at(0);
  const auto whole = *read_file(file);
  const auto harmed = [&](const std::string& bytes) {
    EXPECT_TRUE(write_file(file, bytes));
    const auto p = good();
    EXPECT_EQ(*read_file(file), whole);
    return p != nullptr && built == 1;
  };
  EXPECT_TRUE(harmed(""));
  EXPECT_TRUE(harmed(whole.substr(0, 50)));
  EXPECT_TRUE(harmed(whole.substr(0, whole.size() - 1)));
  EXPECT_TRUE(harmed(whole + "x"));
  for (const std::size_t at : {std::size_t{0}, std::size_t{9}, std::size_t{20}, std::size_t{40},
                               std::size_t{85}, whole.size() - 3}) {
    auto bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    EXPECT_TRUE(harmed(bytes)) << at;
  }
}

TEST_F(PyramidTest, OfTwoThatBuildTheSameOneWaits) {
  folder.put("data/a.nii", ball(48));
  std::atomic<int> builds = 0;
  const auto open_one = [&] {
    return open_pyramid(data, 4, 64, folder / "cache", 1,
                        [&](const PyramidProgress& p) { builds += p.stage == "write"; });
  };
  std::vector<std::future<Opened>> all;
  for (int i = 0; i < 4; ++i) all.push_back(std::async(std::launch::async, open_one));
  for (auto& one : all) EXPECT_TRUE(one.get());
  EXPECT_EQ(builds, 1);
  EXPECT_EQ(cached().size(), 1U);
}

TEST_F(PyramidTest, WhatAKilledBuildLeftBehindIsNoHindrance) {
  folder.put("data/a.nii", ball());
  ASSERT_TRUE(good());
  const auto file = cached().at(0);
  const auto whole = *read_file(file);
  fs::rename(file, file.string() + ".part");
  ASSERT_TRUE(good());
  EXPECT_EQ(cached(), std::vector{file});
  EXPECT_EQ(*read_file(file), whole);
}

TEST_F(PyramidTest, AnImageIsPaddedToASquareAndGreyJoinsColour) {
  folder.put("data/grey.png", picture(16, 8, 1, 1));
  folder.put("data/sub/red.PNG", encode_png({1, 1, 3, {1, 0, 0}}));
  data.holdout = 0;
  const auto p = good();
  ASSERT_TRUE(p);
  EXPECT_EQ(p->channels(), 3);
  EXPECT_EQ(p->count(Part::train), 2);
  const auto grey = p->levels(Part::train, 16, 0);
  ASSERT_EQ(grey.size(), 3U * 256);
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_EQ(grey[256 * c + 16 * 3], 0);  // above
    EXPECT_EQ(grey[256 * c + 16 * 4], 255);
    EXPECT_EQ(grey[256 * c + 16 * 11 + 15], 255);
    EXPECT_EQ(grey[256 * c + 16 * 12], 0);
  }
  const auto red = p->levels(Part::train, 4, 1);
  EXPECT_THAT(red.first(16), Each(255));
  EXPECT_THAT(red.subspan(16), Each(0));
}

TEST_F(PyramidTest, AFolderOfItsOwnCanBeHeldOut) {
  for (int i = 0; i < 10; ++i) folder.put("data/" + std::to_string(i) + ".png", picture(4, 4, 1, 0));
  for (int i = 0; i < 3; ++i) folder.put("held/" + std::to_string(i) + ".png", picture(4, 4, 1, 1));
  data.holdout_path = folder / "held";
  const auto p = good();
  ASSERT_TRUE(p);
  EXPECT_EQ(p->count(Part::train), 10);
  ASSERT_EQ(p->count(Part::holdout), 3);
  EXPECT_THAT(p->levels(Part::holdout, 4, 0), Each(255));
  EXPECT_THAT(p->levels(Part::train, 4, 9), Each(0));
}

TEST_F(PyramidTest, AFullDiskIsReportedAndNothingStaysBehind) {
  folder.put("data/a.nii", ball());
  test::SmallDisk disk(folder / "cache", 1 << 20);
  disk.fill(12 << 10, 10000);
  const auto text = refusal();
  EXPECT_THAT(text, HasSubstr("the pyramid cannot be written"));
  if (disk.mounted()) {
    EXPECT_THAT(text, HasSubstr("No space left on device"));
  }
  disk.make_room();
  EXPECT_THAT(cached(), ::testing::IsEmpty());
  EXPECT_TRUE(good());
}

}  // namespace
}  // namespace troupe
