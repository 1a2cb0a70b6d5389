// What goes from the folder of pyramids, and what stays.
#include "data/pyramid_cache.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <set>

#include "data/pyramid.hpp"
#include "data/pyramid_file.hpp"
#include "tests/data/folder.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;
using testing::ball;
using testing::Folder;

struct PyramidCacheTest : ::testing::Test {
  Folder folder;
  fs::path cache = folder / "cache";
  DataConfig data;
  PyramidCacheTest() {
    folder.put("data/ball.nii", ball());
    data.path = folder / "data";
    data.cache_keep = 2;
  }
  /// One for each largest size: they are of other keys.
  std::shared_ptr<const Pyramid> open(int largest) const {
    auto opened = open_pyramid(data, 4, largest, cache, 1);
    EXPECT_TRUE(opened) << opened.error().text();
    return opened ? *opened : nullptr;
  }
  std::set<fs::path> files(const std::string& ending) const {
    std::set<fs::path> all;
    if (!fs::exists(cache)) return all;
    for (const auto& entry : fs::directory_iterator(cache))
      if (entry.path().extension() == ending) all.insert(entry.path());
    return all;
  }
  /// Builds it, lets go of it, and says that it was last used so many hours ago.
  fs::path old(int largest, int hours) const {
    const auto before = files(".pyramid");
    open(largest);
    for (const auto& file : files(".pyramid")) {
      if (before.contains(file)) continue;
      for (const auto* ending : {".pyramid", ".use"})
        fs::last_write_time(fs::path(file).replace_extension(ending),
                            fs::file_time_type::clock::now() - std::chrono::hours(hours));
      return file;
    }
    ADD_FAILURE() << "nothing was built";
    return {};
  }
};

TEST_F(PyramidCacheTest, ThoseUnusedForTheLongestGo) {
  const auto a = old(8, 5), b = old(16, 9);
  open(8);  // used again: b is the oldest now
  const auto c = old(32, 0);
  EXPECT_EQ(files(".pyramid"), (std::set{a, c}));
  EXPECT_EQ(files(".use").size(), 2U) << "and what lay beside it";
  EXPECT_TRUE(open(16)) << "it is built again when it is wanted";
}

TEST_F(PyramidCacheTest, WhatIsOpenStays) {
  data.cache_keep = 1;
  const auto used = open(8);
  const auto file = *files(".pyramid").begin();
  fs::last_write_time(fs::path(file).replace_extension(".use"),
                      fs::file_time_type::clock::now() - std::chrono::hours(99));
  open(16);
  open(32);
  EXPECT_TRUE(files(".pyramid").contains(file));
  EXPECT_EQ(files(".pyramid").size(), 2U);
  EXPECT_FALSE(used->levels(Pyramid::Part::train, 8, 0).empty());
}

/// A process that does `begin` and then waits to be killed.
class Holder {
 public:
  template <class Begin>
  explicit Holder(Begin begin) {
    int ready[2];
    if (::pipe(ready) != 0) throw std::runtime_error("pipe");
    pid_ = ::fork();
    if (pid_ == 0) {
      const auto held = begin();
      const char word = held ? 'y' : 'n';
      if (::write(ready[1], &word, 1) == 1) ::pause();
      std::_Exit(1);
    }
    char word = 0;
    EXPECT_EQ(::read(ready[0], &word, 1), 1);
    EXPECT_EQ(word, 'y');
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~Holder() { kill(); }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, -1), nullptr, 0);
  }

 private:
  pid_t pid_ = -1;
};

TEST_F(PyramidCacheTest, WhatAnotherProcessHasOpenStaysUntilItDies) {
  const auto file = old(8, 9);
  Holder other([&] { return *open_pyramid(data, 4, 8, cache, 1); });
  fs::last_write_time(fs::path(file).replace_extension(".use"),
                      fs::file_time_type::clock::now() - std::chrono::hours(9));
  sweep_pyramids(cache, 1);
  old(16, 1);
  sweep_pyramids(cache, 1);
  EXPECT_TRUE(fs::exists(file));
  other.kill();
  sweep_pyramids(cache, 1);
  EXPECT_FALSE(fs::exists(file));
  EXPECT_EQ(files(".pyramid").size(), 1U);
}

TEST_F(PyramidCacheTest, WhatADeadBuilderLeftGoesAndALiveOnesStays) {
  open(8);
  const PyramidPath dead{cache / "00000000000000aa.pyramid", 0xaa},
      live{cache / "00000000000000bb.pyramid", 0xbb};
  const auto writer = PyramidWriter::create(live);
  ASSERT_TRUE(writer);
  {
    Holder builder([&] { return PyramidWriter::create(dead).value().release(); });
    sweep_pyramids(cache, 2);
    EXPECT_EQ(files(".part").size(), 2U);
  }
  sweep_pyramids(cache, 2);
  EXPECT_EQ(files(".part"), std::set{fs::path(live.file) += ".part"});
}

TEST_F(PyramidCacheTest, AFolderThatIsNotThereIsNoMatter) { sweep_pyramids(folder / "none", 1); }

}  // namespace
}  // namespace troupe
