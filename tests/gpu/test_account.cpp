#include <gtest/gtest.h>

#include <unistd.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "gpu/account.hpp"

namespace troupe {
namespace {

[[maybe_unused]] std::size_t resident_bytes() {  // not under the sanitizers, whose own memory would count
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

TEST(Account, charges_up_to_the_budget_and_not_a_byte_more) {
  Account account("job gan, slice 0", {100});
  EXPECT_TRUE(account.charge(60));
  EXPECT_FALSE(account.charge(41));
  EXPECT_EQ(account.held().count, 60);
  EXPECT_TRUE(account.charge(40));
  EXPECT_FALSE(account.charge(1));
  EXPECT_TRUE(account.charge(0));
  account.release(100);
  EXPECT_EQ(account.held().count, 0);
  EXPECT_EQ(account.peak().count, 100);
  EXPECT_EQ(account.refusals(), 2);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they bring a malloc of their own
TEST(Account, that_ends_gives_what_malloc_kept_back_to_the_kernel) {
  constexpr std::size_t kBlock = 1 << 20, kBlocks = 64;
  auto account = std::make_unique<Account>("a", Bytes{INT64_MAX});
  std::thread([&] {  // in an arena of its own
    std::vector<std::unique_ptr<char[]>> blocks;
    for (std::size_t i = 0; i < kBlocks; ++i) {
      ASSERT_TRUE(account->charge(kBlock));
      blocks.push_back(std::make_unique<char[]>(kBlock));  // written: resident
    }
    blocks.erase(blocks.begin(), blocks.end() - 1);  // one above the freed ones, which hinders malloc
    account->release(kBlock * kBlocks);
    account->reset_peak();
    const auto before = resident_bytes();
    account.reset();
    EXPECT_LT(resident_bytes(), before - kBlock * kBlocks / 2);
  })
      .join();
}
#endif

TEST(Account, refuses_what_would_overflow_or_is_negative) {
  Account account("a", {INT64_MAX});
  EXPECT_TRUE(account.charge(INT64_MAX - 1));
  EXPECT_FALSE(account.charge(INT64_MAX));
  EXPECT_FALSE(account.charge(-1));
  EXPECT_EQ(account.held().count, INT64_MAX - 1);
}

TEST(Account, a_budget_below_what_is_held_refuses_until_enough_is_released) {
  Account account("a", {100});
  ASSERT_TRUE(account.charge(80));
  account.set_budget({50});
  EXPECT_FALSE(account.charge(1));
  account.release(31);
  EXPECT_TRUE(account.charge(1));
  EXPECT_EQ(account.held(), account.budget());
}

TEST(Account, reset_peak_starts_again_from_held) {
  Account account("a", {100});
  ASSERT_TRUE(account.charge(90));
  account.release(70);
  account.reset_peak();
  EXPECT_EQ(account.peak().count, 20);
  ASSERT_TRUE(account.charge(5));
  EXPECT_EQ(account.peak().count, 25);
}

TEST(Account, a_refusal_names_owner_phase_asked_held_and_budget) {
  Account account("job gan, slice 0", mib(16));
  account.set_phase("32x32");
  ASSERT_TRUE(account.charge(mib(10).count));
  const auto error = account.refusal(mib(12).count);
  EXPECT_EQ(error.code, ErrorCode::over_budget);
  EXPECT_EQ(error.where, "job gan, slice 0, phase 32x32");
  EXPECT_EQ(error.given, "asked " + to_string(mib(12)));
  EXPECT_EQ(error.allowed, "held " + to_string(mib(10)) + " of budget " + to_string(mib(16)));
  EXPECT_NE(error.hint.find("troupe resize"), std::string::npos);
}

TEST(Account, under_contention_never_passes_the_budget_and_ends_at_zero) {
  Account account("a", {1'000});
  std::atomic<std::int64_t> granted{0}, refused{0};
  std::atomic<bool> stop{false}, over{false};
  std::thread watcher([&] {
    while (!stop) {
      if (account.held() > account.budget() || account.held().count < 0) over = true;
      account.reset_peak();
    }
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::int64_t mine[3] = {};  // several at a time: one thread alone meets the wall too
      for (int i = 0; i < 20'000; ++i) {
        auto& slot = mine[i % 3];
        account.release(std::exchange(slot, 0));
        const std::int64_t n = 100 + (i * 37 + t * 101) % 400;
        if (account.charge(n)) {
          granted.fetch_add(1);
          slot = n;
          if (account.held() > account.budget()) over = true;
        } else {
          refused.fetch_add(1);
        }
      }
      for (const auto n : mine) account.release(n);
    });
  for (auto& thread : threads) thread.join();
  stop = true;
  watcher.join();
  EXPECT_FALSE(over);
  EXPECT_EQ(account.held().count, 0);
  account.reset_peak();
  EXPECT_EQ(account.peak().count, 0);
  EXPECT_EQ(granted + refused, 80'000);
  EXPECT_GT(refused, 0);
  EXPECT_EQ(account.refusals(), refused);
  EXPECT_LE(account.peak().count, 1'000);
}

TEST(Account, labels_may_be_set_while_others_read_them) {
  Account account("a", {1});
  std::thread writer([&] {
    for (int i = 0; i < 2'000; ++i)
      account.set_phase(i % 2 ? "a phase with a long name, past the small string" : "b");
  });
  for (int i = 0; i < 2'000; ++i) {
    const auto where = account.refusal(5).where;
    ASSERT_TRUE(where == "a" || where == "a, phase b" || where.size() > 40) << where;
  }
  writer.join();
}

TEST(AccountScope, nests_and_belongs_to_its_thread) {
  auto outer = std::make_shared<Account>("outer", Bytes{1});
  auto inner = std::make_shared<Account>("inner", Bytes{1});
  EXPECT_EQ(current_account(), nullptr);
  {
    AccountScope one(outer);
    EXPECT_EQ(current_account(), outer.get());
    {
      AccountScope two(inner);
      EXPECT_EQ(share_current_account(), inner);
      AccountScope nobody(nullptr);
      EXPECT_EQ(current_account(), nullptr);
    }
    std::thread([] { EXPECT_EQ(current_account(), nullptr); }).join();
    EXPECT_EQ(current_account(), outer.get());
  }
  EXPECT_EQ(current_account(), nullptr);
  EXPECT_EQ(outer.use_count(), 1);
}

}  // namespace troupe
