// A process that dies at any moment leaves the older checkpoint, or the newer one whole.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/random.hpp"
#include "tests/train/checkpoint_fixture.hpp"

namespace troupe {
namespace {
using test::save;

class KilledWriter : public test::Checkpoints {
 protected:
  /// Runs f in a child process and waits for its end; true where a signal ended it.
  template <class F>
  static bool killed(const F& f) {
    const pid_t child = ::fork();
    if (child == 0) {
      f();
      ::_exit(0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFSIGNALED(status);
  }
  std::int64_t latest_step() {
    const auto found = CheckpointStore(dir(), 2).latest();
    EXPECT_TRUE(found) << found.error().text();
    if (!found) return -1;
    for (const auto& name : test::kNames)
      EXPECT_EQ(test::slurp(found->dir / name), test::contents(found->manifest.step, name)) << name;
    EXPECT_TRUE(found->skipped.empty());
    return found->manifest.step;
  }
};

TEST_F(KilledWriter, at_every_stage_leaves_a_whole_checkpoint) {
  struct Stage {
    const char* name;
    bool published;  // the new one counts from here on
  };
  for (const Stage stage : {Stage{"begun", false},
                            {"files synced", false},
                            {"manifest written", false},
                            {"renamed", true},
                            {"published", true},
                            {"dropping", true},
                            {"pruned", true}}) {
    std::filesystem::remove_all(dir());
    CheckpointStore store(dir(), 2);
    for (const int step : {100, 200}) ASSERT_TRUE(save(store, step));
    EXPECT_TRUE(killed([&] {
      CheckpointStore doomed(dir(), 2, [&](std::string_view at) {
        if (at == stage.name) ::raise(SIGKILL);
      });
      static_cast<void>(save(doomed, 300));
    })) << stage.name
        << " was never reached";
    EXPECT_EQ(latest_step(), stage.published ? 300 : 200) << stage.name;
    // whoever comes next is not hindered by what the dead one left
    ASSERT_TRUE(save(store, 400)) << stage.name;
    EXPECT_EQ(latest_step(), 400) << stage.name;
    EXPECT_EQ(test::listing(dir()).size(), 2u) << stage.name;
  }
}

TEST_F(KilledWriter, while_the_same_step_is_written_again) {
  CheckpointStore store(dir(), 1);
  ASSERT_TRUE(save(store, 100));
  for (const char* stage : {"begun", "manifest written", "renamed", "published"}) {
    EXPECT_TRUE(killed([&] {
      CheckpointStore doomed(dir(), 1, [&](std::string_view at) {
        if (at == stage) ::raise(SIGKILL);
      });
      static_cast<void>(save(doomed, 100));
    })) << stage;
    EXPECT_EQ(latest_step(), 100) << stage;
  }
}

/// The writer tells every stage through a pipe; the parent lets a random number of them pass, then kills at
/// once, so the signal lands anywhere after that stage.
TEST_F(KilledWriter, at_random_moments_never_loses_a_published_checkpoint) {
  CheckpointStore store(dir(), 2);
  ASSERT_TRUE(save(store, 1));
  Draw draw(7, 0, 0, Purpose::test);
  std::int64_t before = 1;
  for (int round = 0; round < 20; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      CheckpointStore endless(dir(), 2,
                              [&](std::string_view) { static_cast<void>(!::write(ends[1], "s", 1)); });
      for (std::int64_t step = before + 1;; ++step) static_cast<void>(save(endless, step));
    }
    ::close(ends[1]);
    char told = 0;
    for (auto left = 1 + draw.below(20); left > 0; --left) ASSERT_EQ(::read(ends[0], &told, 1), 1);
    ::kill(child, SIGKILL);
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    const auto now = latest_step();
    EXPECT_GE(now, before);
    before = now;
  }
  EXPECT_GT(before, 10) << "checkpoints were lost on the way";
}

}  // namespace
}  // namespace troupe
