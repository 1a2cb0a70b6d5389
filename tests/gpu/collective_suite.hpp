#pragma once
// What every back end of Collective must do. Its test instantiates it with a function that makes the ends:
//   INSTANTIATE_TEST_SUITE_P(Mine, CollectiveSuite, testing::Values(&make_mine));
#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <stdexcept>
#include <string>

#include "tests/gpu/collective_reference.hpp"

namespace troupe::test {

enum class Out { shared, own, in_place, part };

class CollectiveSuite : public testing::TestWithParam<BackEnd> {
 protected:
  template <class T>
  static std::vector<std::vector<T>> members_of(int count, std::size_t n) {
    return GetParam().exact ? random_members<T>(count, n) : whole_members<T>(count, n);
  }
  /// One sum over ranks that hold runs[r] members each; every rank's result against the reference's bits.
  template <class T>
  void check_sum(const std::vector<int>& runs, std::size_t n, T scale, Out kind, int rounds = 1) {
    const int ranks = static_cast<int>(runs.size());
    if (ranks > GetParam().most_ranks) return;
    const int count = std::accumulate(runs.begin(), runs.end(), 0);
    const auto expected = reference_sum(members_of<T>(count, n), n, scale);
    auto members = members_of<T>(count, n);
    auto ends = GetParam()(ranks, 60);
    const bool shares = kind == Out::shared || kind == Out::part;
    const auto processes = processes_of(ends);
    std::vector<std::vector<T>> outs(shares ? processes.back() + 1 : static_cast<std::size_t>(ranks),
                                     std::vector<T>(n, T{42}));
    on_ranks(ranks, [&](int r) {
      const int first = std::accumulate(runs.begin(), runs.begin() + r, 0);
      const auto rank = static_cast<std::size_t>(r);
      T* out = outs[shares ? processes[rank] : rank].data();
      for (int round = 0; round < rounds; ++round) {
        {
          std::vector<const T*> mine;  // gone as soon as the call returns
          for (int m = first; m < first + runs[rank]; ++m)
            mine.push_back(members[static_cast<std::size_t>(m)].data());
          if (kind == Out::in_place && !mine.empty()) out = const_cast<T*>(mine[0]);
          const auto result = ends[rank]->sum({count, first, mine}, out, n, scale, kind != Out::part, {});
          ASSERT_TRUE(result) << result.error().text();
        }
        const auto [begin, end] =
            kind == Out::part ? ends[rank]->part(n) : std::pair<std::size_t, std::size_t>(0, n);
        EXPECT_TRUE(same_bits<T>({out + begin, end - begin}, {expected.data() + begin, end - begin}))
            << "rank " << r << " of " << ranks << ", n " << n << ", round " << round;
        const auto met = ends[rank]->barrier();
        ASSERT_TRUE(met) << met.error().text();
        EXPECT_TRUE(same_bits<T>({out, n}, expected)) << "the parts of a process are not all";
      }
      if (const auto [begin, end] = ends[rank]->part(n); begin < end && count > 0) {
        EXPECT_GT(ends[rank]->bytes(), 0);
      }
    });
  }
  template <class T>
  void check_sizes(T scale) {
    for (const std::size_t n : {0u, 1u, 3u, 1023u, 100'007u})
      for (const int ranks : {1, 2, 3, 8})
        check_sum<T>(std::vector<int>(static_cast<std::size_t>(ranks), 1), n, scale, Out::shared);
  }
  /// Every rank's next call fails, at once, with `code` and `name` in its text.
  static void expect_dead(Ends& ends, ErrorCode code, const std::string& name) {
    for (auto& end : ends) {
      const auto barrier = end->barrier();
      ASSERT_FALSE(barrier);
      EXPECT_EQ(barrier.error().code, code);
      EXPECT_NE(barrier.error().text().find(name), std::string::npos) << barrier.error().text();
      EXPECT_FALSE(end->broadcast(1));
      float x = 0;
      const float* one = &x;
      EXPECT_FALSE(end->sum({1, 0, {&one, 1}}, &x, 1, 1.0f, true, {}));
    }
  }
};

TEST_P(CollectiveSuite, floats_of_every_size_have_the_reference_bits) { check_sizes<float>(0.25f); }
TEST_P(CollectiveSuite, doubles_of_every_size_have_the_reference_bits) { check_sizes<double>(1.0 / 3); }
TEST_P(CollectiveSuite, integers_of_every_size_have_the_reference_bits) { check_sizes<std::int64_t>(3); }

TEST_P(CollectiveSuite, any_split_of_the_same_members_has_the_same_bits) {
  const std::vector<std::vector<int>> splits = {{12},
                                                {6, 6},
                                                {1, 11},
                                                {5, 4, 3},
                                                {4, 4, 4},
                                                {0, 12},
                                                {12, 0, 0},
                                                {0, 7, 0, 5},
                                                {1, 1, 1, 9},
                                                {3, 3, 3, 3},
                                                {2, 2, 2, 2, 2, 1, 1, 0}};
  for (const auto& runs : splits) check_sum<float>(runs, 4'099, 1.0f / 12, Out::shared);
}

TEST_P(CollectiveSuite, every_count_of_members_has_the_reference_bits) {
  for (int members = 1; members <= 33; ++members) check_sum<float>({members, 0}, 1'500, 1.5f, Out::own);
}

TEST_P(CollectiveSuite, ranks_may_have_outputs_of_their_own) {
  for (const int ranks : {1, 2, 5, 8})
    check_sum<float>(std::vector<int>(ranks, 2), 10'007, 0.5f, Out::own, 3);
}

TEST_P(CollectiveSuite, the_output_may_be_a_member) {
  check_sum<float>({1, 1, 1}, 10'007, 1.0f, Out::in_place);
  check_sum<double>({2, 3}, 1'023, 1.0, Out::in_place);
}

TEST_P(CollectiveSuite, without_all_each_rank_has_its_part) {
  for (const int ranks : {1, 2, 3, 8})
    check_sum<float>(std::vector<int>(ranks, 1), 10'007, 2.0f, Out::part, 3);
}

TEST_P(CollectiveSuite, large_outputs_have_the_reference_bits) {
  check_sum<float>({2, 3}, (4u << 20) / sizeof(float) * 2 + 13, 0.5f, Out::shared);
}

TEST_P(CollectiveSuite, parallel_workers_change_no_bit) {
  const auto members = members_of<float>(6, 9'001);
  const auto expected = reference_sum(members, 9'001, 0.5f);
  auto ends = GetParam()(2, 60);
  const auto processes = processes_of(ends);
  std::vector<std::vector<float>> outs(processes.back() + 1, std::vector<float>(9'001));
  on_ranks(2, [&](int r) {
    auto& out = outs[processes[static_cast<std::size_t>(r)]];
    std::vector<const float*> mine;
    for (int m = 3 * r; m < 3 * r + 3; ++m) mine.push_back(members[static_cast<std::size_t>(m)].data());
    const ParallelFor threads = [](std::size_t n, const auto& f) {
      std::thread other([&] { f(n / 3, n); });
      f(0, n / 3);
      other.join();
    };
    ASSERT_TRUE(ends[static_cast<std::size_t>(r)]->sum({6, 3 * r, mine}, out.data(), out.size(), 0.5f, true,
                                                       threads));
  });
  for (const auto& out : outs) EXPECT_TRUE(same_bits<float>(out, expected));
}

TEST_P(CollectiveSuite, broadcast_gives_everyone_the_value_of_rank_0) {
  for (const int ranks : {1, 2, 7}) {
    if (ranks > GetParam().most_ranks) break;
    auto ends = GetParam()(ranks, 60);
    on_ranks(ranks, [&](int r) {
      for (std::int64_t i = 0; i < 200; ++i) {
        const auto value = ends[static_cast<std::size_t>(r)]->broadcast(r == 0 ? i * i - 7 : -r);
        ASSERT_TRUE(value) << value.error().text();
        ASSERT_EQ(*value, i * i - 7);
      }
    });
  }
}

TEST_P(CollectiveSuite, several_sums_at_once_have_the_bits_of_one_by_one) {
  // sum i: its size and how many members each rank brings
  const std::vector<std::pair<std::size_t, std::vector<int>>> shapes{
      {40'001, {3, 2, 3}}, {7, {1, 0, 1}}, {0, {1, 1, 1}}, {20'000, {0, 0, 2}}};
  constexpr int kRanks = 3;
  std::vector<std::vector<std::vector<float>>> members;
  std::vector<std::vector<float>> expected, blank;
  std::vector<std::vector<int>> untouched;
  for (const auto& [n, runs] : shapes) {
    members.push_back(members_of<float>(std::accumulate(runs.begin(), runs.end(), 0), n));
    expected.push_back(reference_sum(members.back(), n, 0.5f));
    blank.emplace_back(n, 42.0f);
    untouched.emplace_back(n, 0);
  }
  auto ends = GetParam()(kRanks, 60);
  const auto processes = processes_of(ends);
  std::vector outs(processes.back() + 1, blank);
  std::vector follows(processes.back() + 1, untouched);  // by `then`, each element once in every process
  on_ranks(kRanks, [&](int r) {
    auto& out = outs[processes[static_cast<std::size_t>(r)]];
    auto& followed = follows[processes[static_cast<std::size_t>(r)]];
    std::vector<std::vector<const float*>> mine(shapes.size());
    std::vector<FloatSum> sums;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      const auto& runs = shapes[i].second;
      const int first = std::accumulate(runs.begin(), runs.begin() + r, 0);
      for (int m = first; m < first + runs[static_cast<std::size_t>(r)]; ++m)
        mine[i].push_back(members[i][static_cast<std::size_t>(m)].data());
      sums.push_back({{std::accumulate(runs.begin(), runs.end(), 0), first, mine[i]},
                      out[i].data(),
                      shapes[i].first,
                      0.5f});
    }
    auto& end = *ends[static_cast<std::size_t>(r)];
    const ParallelFor in_thirds = [](std::size_t n, const auto& f) {
      for (std::size_t k = 0; k < 3; ++k) f(n * k / 3, n * (k + 1) / 3);
    };
    const auto result = end.sum_each(sums, in_thirds, [&](std::size_t i, std::size_t begin, std::size_t to) {
      EXPECT_TRUE(
          same_bits<float>({out[i].data() + begin, to - begin}, {expected[i].data() + begin, to - begin}));
      for (std::size_t at = begin; at < to; ++at) ++followed[i][at];
    });
    ASSERT_TRUE(result) << result.error().text();
    ASSERT_TRUE(end.barrier());
  });
  for (std::size_t p = 0; p < outs.size(); ++p)
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      EXPECT_TRUE(same_bits<float>(outs[p][i], expected[i])) << "sum " << i << " of process " << p;
      for (const int times : follows[p][i]) ASSERT_EQ(times, 1) << "sum " << i << " of process " << p;
    }
}

TEST_P(CollectiveSuite, what_throws_behind_one_of_several_sums_fails_all_by_name) {
  auto ends = GetParam()(2, 60);
  const auto processes = processes_of(ends);
  const int thrower = last_at_work(ends, 100);
  std::vector<std::vector<float>> outs(processes.back() + 1, std::vector<float>(100));
  std::vector<float> one(100, 1.0f);
  on_ranks(2, [&](int r) {
    auto& out = outs[processes[static_cast<std::size_t>(r)]];
    const float* mine = one.data();
    const std::vector<FloatSum> sums(2, {{2, r, {&mine, 1}}, out.data(), out.size(), 1.0f});
    auto& end = *ends[static_cast<std::size_t>(r)];
    const auto result = end.sum_each(sums, {}, [&](std::size_t i, std::size_t, std::size_t) {
      if (r == thrower && i == 1) throw std::runtime_error("no update");
    });
    const auto met = result ? end.barrier() : result;
    ASSERT_FALSE(met);
    EXPECT_NE(met.error().text().find("no update"), std::string::npos) << met.error().text();
  });
  expect_dead(ends, ErrorCode::peer_failed, "rank " + std::to_string(thrower) + " of 2");
}

TEST_P(CollectiveSuite, ranks_that_make_different_sums_fail) {
  auto ends = GetParam()(2, 60);
  const auto processes = processes_of(ends);
  std::vector<std::vector<float>> outs(processes.back() + 1, std::vector<float>(100));
  std::vector<float> one(100, 1.0f);
  on_ranks(2, [&](int r) {
    auto& out = outs[processes[static_cast<std::size_t>(r)]];
    const float* mine = one.data();
    std::vector<FloatSum> sums(2, {{2, r, {&mine, 1}}, out.data(), out.size(), 1.0f});
    if (r == 1) sums[1].n = 99;
    auto& end = *ends[static_cast<std::size_t>(r)];
    const auto result = end.sum_each(sums, {}, [](std::size_t, std::size_t, std::size_t) {});
    const auto met = result ? end.barrier() : result;
    EXPECT_FALSE(met);
  });
}

TEST_P(CollectiveSuite, nobody_leaves_a_barrier_before_all_have_come) {
  constexpr int kRanks = 4;
  auto ends = GetParam()(kRanks, 60);
  std::atomic<int> come{0};
  on_ranks(kRanks, [&](int r) {
    for (int round = 1; round <= 300; ++round) {
      come.fetch_add(1);
      ASSERT_TRUE(ends[static_cast<std::size_t>(r)]->barrier());
      ASSERT_GE(come.load(), round * kRanks);
    }
  });
  EXPECT_EQ(come.load(), 300 * kRanks);
}

TEST_P(CollectiveSuite, a_barrier_here_waits_for_the_ranks_of_the_process) {
  constexpr int kRanks = 4;
  auto ends = GetParam()(kRanks, 60);
  const auto processes = processes_of(ends);
  std::vector<std::atomic<int>> come(processes.back() + 1);
  on_ranks(kRanks, [&](int r) {
    auto& end = *ends[static_cast<std::size_t>(r)];
    auto& here = come[processes[static_cast<std::size_t>(r)]];
    for (int round = 1; round <= 100; ++round) {
      here.fetch_add(1);
      ASSERT_TRUE(end.barrier_here());
      ASSERT_GE(here.load(), round * end.ranks_here());
    }
  });
}

TEST_P(CollectiveSuite, the_parts_of_a_process_are_all_elements_once) {
  for (const int ranks : {1, 2, 5})
    for (const std::size_t n : {0u, 1u, 4u, 1'001u}) {
      const auto ends = GetParam()(ranks, 60);
      std::size_t next = 0;
      for (const auto& end : ends) {
        const auto [begin, to] = end->part(n);
        if (end->leads()) {
          EXPECT_TRUE(end->rank() == 0 || next == n);
          next = 0;
        }
        EXPECT_TRUE(begin == next && to >= begin);
        next = to;
      }
      EXPECT_EQ(next, n);
    }
}

TEST_P(CollectiveSuite, a_rank_that_aborts_fails_all_by_name) {
  auto ends = GetParam()(3, 60);
  on_ranks(3, [&](int r) {
    auto& end = *ends[static_cast<std::size_t>(r)];
    if (r == 1) return end.abort("no more memory");
    const auto met = end.barrier();
    ASSERT_FALSE(met);
    EXPECT_EQ(met.error().code, ErrorCode::peer_failed);
    EXPECT_NE(met.error().text().find("rank 1 of 3 failed: no more memory"), std::string::npos);
  });
  ends[2]->abort("later");  // the first reason stays
  expect_dead(ends, ErrorCode::peer_failed, "rank 1 of 3 failed: no more memory");
}

TEST_P(CollectiveSuite, a_worker_that_throws_in_a_sum_fails_all_by_name) {
  auto ends = GetParam()(3, 60);
  const auto processes = processes_of(ends);
  const int thrower = last_at_work(ends, 5'000);
  std::vector<std::vector<float>> outs(processes.back() + 1, std::vector<float>(5'000));
  std::vector<float> one(5'000, 1.0f);
  on_ranks(3, [&](int r) {
    auto& out = outs[processes[static_cast<std::size_t>(r)]];
    const float* mine = one.data();
    const ParallelFor parallel = [r, thrower](std::size_t n, const auto& f) {
      if (r == thrower) throw std::runtime_error("lost a thread");
      f(0, n);
    };
    const auto result = ends[static_cast<std::size_t>(r)]->sum({3, r, {&mine, 1}}, out.data(), out.size(),
                                                               1.0f, true, parallel);
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().text().find("lost a thread"), std::string::npos) << result.error().text();
  });
  expect_dead(ends, ErrorCode::peer_failed, "rank " + std::to_string(thrower) + " of 3");
}

TEST_P(CollectiveSuite, ranks_that_never_come_are_named) {
  auto ends = GetParam()(4, 0.05);
  on_ranks(4, [&](int r) {
    if (r == 1 || r == 3) return;
    const auto met = ends[static_cast<std::size_t>(r)]->barrier();
    ASSERT_FALSE(met);
    EXPECT_EQ(met.error().code, ErrorCode::peer_missing);
    EXPECT_NE(met.error().text().find("1, 3 of 4"), std::string::npos) << met.error().text();
  });
  expect_dead(ends, ErrorCode::peer_missing, "1, 3 of 4");
}

TEST_P(CollectiveSuite, an_end_that_is_destroyed_fails_who_waits_for_it) {
  auto ends = GetParam()(2, 60);
  on_ranks(2, [&](int r) {
    auto& end = ends[static_cast<std::size_t>(r)];
    ASSERT_TRUE(end->barrier());
    if (r == 0) return end.reset();
    const auto met = end->barrier();
    ASSERT_FALSE(met);
    EXPECT_EQ(met.error().code, ErrorCode::peer_failed);
    EXPECT_NE(met.error().text().find("rank 0 of 2"), std::string::npos) << met.error().text();
  });
}

TEST_P(CollectiveSuite, members_with_a_gap_are_refused) {
  for (const int first : {0, 2, 5}) {
    auto ends = GetParam()(2, 60);
    on_ranks(2, [&](int r) {
      float x = 1, out = 0;
      const float* mine = &x;
      const auto result = ends[static_cast<std::size_t>(r)]->sum({2, r == 0 ? 0 : first, {&mine, 1}}, &out, 1,
                                                                 1.0f, true, {});
      ASSERT_FALSE(result);
      EXPECT_EQ(result.error().code, ErrorCode::internal);
      EXPECT_NE(result.error().text().find("rank 1"), std::string::npos) << result.error().text();
    });
  }
}

TEST_P(CollectiveSuite, ranks_that_make_different_calls_are_refused) {
  auto ends = GetParam()(2, 60);
  on_ranks(2, [&](int r) {
    const bool ok = r == 0 ? ends[0]->barrier().has_value() : ends[1]->broadcast(3).has_value();
    EXPECT_FALSE(ok);
  });
  expect_dead(ends, ErrorCode::internal, "rank 0 calls barrier, rank 1 calls broadcast");
}

TEST_P(CollectiveSuite, an_error_is_heard_when_nobody_reads_the_buffers_any_more) {
  for (int round = 0; round < GetParam().aborts; ++round) {
    auto ends = GetParam()(3, 60);
    std::thread killer([&] { ends[0]->abort("killed from outside"); });
    on_ranks(3, [&](int r) {
      auto& end = *ends[static_cast<std::size_t>(r)];
      auto mine = std::make_unique<std::vector<float>>(20'000, 1.0f);
      std::vector<float> out(20'000);
      const float* buffer = mine->data();
      while (end.sum({3, r, {&buffer, 1}}, out.data(), out.size(), 1.0f, true, {}))
        ASSERT_EQ(out[19'999], 3.0f);
      mine.reset();  // the address sanitizer tells who still reads it
    });
    killer.join();
    EXPECT_FALSE(ends[1]->barrier());
  }
}

}  // namespace troupe::test
