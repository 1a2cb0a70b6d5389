#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <numeric>
#include <set>
#include <thread>

#include "gpu/cpu_slice.hpp"
#include "gpu/parallel.hpp"

namespace troupe {
namespace {

std::vector<int> my_cpus() {
  cpu_set_t set;
  sched_getaffinity(0, sizeof set, &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  return cpus;
}

/// Cores first … first+count-1 on the cpus that there are, in turn.
std::vector<Core> some_cores(int count, int first = 0) {
  static const auto cpus = my_cpus();
  std::vector<Core> cores;
  for (int i = first; i < first + count; ++i)
    cores.push_back({.id = i, .cpu = cpus[static_cast<std::size_t>(i) % cpus.size()], .shared = count > 1});
  return cores;
}

std::shared_ptr<Account> some_account() { return std::make_shared<Account>("test", mib(1)); }

std::set<std::thread::id> threads_of(CpuSlice& slice) {
  std::mutex mutex;
  std::set<std::thread::id> ids;
  slice.run([&](int) {
    std::lock_guard lock(mutex);
    ids.insert(std::this_thread::get_id());
  });
  return ids;
}

TEST(CpuSlice, runs_every_worker_once_and_the_caller_is_worker_0) {
  for (const int workers : {1, 2, 3, 8}) {
    CpuSlice slice(some_cores(workers), some_account(), {});
    std::vector<int> calls(static_cast<std::size_t>(workers));
    for (int i = 0; i < 500; ++i) slice.run([&](int w) { ++calls[static_cast<std::size_t>(w)]; });
    EXPECT_EQ(calls, std::vector<int>(static_cast<std::size_t>(workers), 500));
    EXPECT_EQ(threads_of(slice).size(), static_cast<std::size_t>(workers));
    EXPECT_TRUE(threads_of(slice).contains(std::this_thread::get_id()));
  }
}

TEST(CpuSlice, wakes_workers_that_fell_asleep) {
  CpuSlice slice(some_cores(2), some_account(), {});
  std::atomic<int> calls{0};
  for (int i = 0; i < 30; ++i) {
    slice.run([&](int) { calls.fetch_add(1); });
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  EXPECT_EQ(calls, 60);
}

TEST(CpuSlice, charges_every_worker_to_the_account_and_sets_each_up_once) {
  auto account = some_account();
  std::atomic<int> setups{0};
  {
    CpuSlice slice(some_cores(3), account, [&] { setups.fetch_add(1); });
    for (int i = 0; i < 5; ++i) slice.run([&](int) { EXPECT_EQ(current_account(), account.get()); });
    slice.resize(some_cores(1));
    slice.run([&](int) { EXPECT_EQ(current_account(), account.get()); });
    EXPECT_EQ(current_account(), nullptr);
    slice.resize(some_cores(3));
    slice.run([](int) {});
    EXPECT_EQ(setups, 3);
  }
  EXPECT_EQ(account.use_count(), 1);
}

TEST(CpuSlice, pins_its_workers_and_gives_the_caller_its_cpus_back) {
  const auto before = my_cpus();
  {
    const auto cores = some_cores(static_cast<int>(before.size()));
    CpuSlice slice(cores, some_account(), {});
    slice.run([&](int w) { EXPECT_EQ(my_cpus(), std::vector<int>{cores[static_cast<std::size_t>(w)].cpu}); });
    EXPECT_EQ(slice.pinned(), slice.workers());
    slice.resize({cores.back()});
    slice.run([&](int) { EXPECT_EQ(my_cpus(), std::vector<int>{cores.back().cpu}); });
  }
  EXPECT_EQ(my_cpus(), before);
}

TEST(CpuSlice, tells_how_many_workers_are_pinned) {
  CpuSlice slice({{.id = 0, .cpu = my_cpus()[0]}, {.id = 1, .cpu = 900}}, some_account(), {});
  slice.run([](int) {});
  EXPECT_EQ(slice.workers(), 2);
  EXPECT_EQ(slice.pinned(), 1);
}

TEST(CpuSlice, rethrows_the_lowest_worker_s_exception_after_all_are_done) {
  CpuSlice slice(some_cores(4), some_account(), {});
  for (int i = 0; i < 20; ++i) {
    std::atomic<int> done{0};
    try {
      slice.run([&](int w) {
        if (w != 2) std::this_thread::yield();
        done.fetch_add(1);
        if (w >= 1) throw w;
      });
      FAIL() << "nothing was thrown";
    } catch (int w) {
      EXPECT_EQ(w, 1);
    }
    EXPECT_EQ(done, 4);
  }
  EXPECT_EQ(threads_of(slice).size(), 4u);
}

TEST(CpuSlice, a_set_up_that_throws_is_thrown_by_the_first_run) {
  const auto here = std::this_thread::get_id();
  CpuSlice slice(some_cores(2), some_account(), [here] {
    if (std::this_thread::get_id() != here) throw std::runtime_error("no such library");
  });
  EXPECT_THROW(slice.run([](int) {}), std::runtime_error);
  slice.run([](int) {});
}

TEST(CpuSlice, resizes_between_runs_and_takes_parked_threads_back) {
  CpuSlice slice(some_cores(4), some_account(), {});
  const auto all = threads_of(slice);
  for (const int workers : {1, 3, 2, 4, 1, 4}) {
    slice.resize(some_cores(workers, workers));
    EXPECT_EQ(slice.workers(), workers);
    EXPECT_EQ(slice.cores().front().id, workers);
    const auto now = threads_of(slice);
    EXPECT_EQ(now.size(), static_cast<std::size_t>(workers));
    EXPECT_TRUE(std::includes(all.begin(), all.end(), now.begin(), now.end()));
  }
}

TEST(CpuSlice, refuses_no_cores_and_a_run_inside_a_run) {
  CpuSlice slice(some_cores(2), some_account(), {});
  EXPECT_THROW(slice.resize({}), ErrorException);
  EXPECT_EQ(slice.workers(), 2);
  EXPECT_THROW(slice.run([&](int w) {
    if (w == 0) slice.run([](int) {});
  }),
               ErrorException);
  EXPECT_EQ(threads_of(slice).size(), 2u);
}

TEST(CpuSlice, counts_the_seconds_that_workers_were_busy) {
  CpuSlice slice(some_cores(2), some_account(), {});
  EXPECT_EQ(slice.busy_seconds(), 0);
  slice.run([](int) { std::this_thread::sleep_for(std::chrono::milliseconds(5)); });
  const double once = slice.busy_seconds();
  EXPECT_GE(once, 0.010);  // two workers, 5 ms each at least
  slice.resize(some_cores(1));
  EXPECT_GE(slice.busy_seconds(), once) << "a parked worker's seconds stay counted";
}

TEST(OverWorkers, covers_every_element_once) {
  CpuSlice slice(some_cores(3), some_account(), {});
  const auto parallel = over_workers(slice);
  for (const std::size_t n : {0u, 1u, 63u, 16'384u, 16'385u, 100'007u}) {
    std::vector<int> touched(n);
    std::atomic<int> parts{0};
    parallel(n, [&](std::size_t begin, std::size_t end) {
      parts.fetch_add(1);
      for (auto i = begin; i < end; ++i) ++touched[i];
    });
    EXPECT_EQ(std::count(touched.begin(), touched.end(), 1), static_cast<std::ptrdiff_t>(n));
    EXPECT_EQ(parts, n > 16'384 ? 3 : 1);
  }
}

}  // namespace
}  // namespace troupe
