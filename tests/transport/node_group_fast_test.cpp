// Groups whose sums of float a library makes: here one that sums in the order in which the processes come,
// and does whatever else a test wants of it.
#include <gmock/gmock.h>

#include "node_group_fixture.hpp"
#include "tests/gpu/collective_suite.hpp"
#include "transport/node_group_wire.hpp"

namespace troupe::test {
namespace {

using ::testing::HasSubstr;

/// A group finds its table by a note of its first process; each of its sums is done when the last has come.
class Table {
 public:
  void add(std::uint64_t sum, int processes, std::shared_ptr<float> data, std::size_t n,
           ProcessSum::Done done) {
    std::vector<Part> parts;
    {
      const std::lock_guard lock(mutex_);
      auto& here = sums_[sum];
      here.push_back({std::move(data), std::move(done)});
      if (static_cast<int>(here.size()) < processes) return;
      parts = std::move(sums_.extract(sum).mapped());
    }
    for (std::size_t i = 0; i < n; ++i) {
      float total = 0;
      for (const auto& part : parts) total += part.data.get()[i];
      for (const auto& part : parts) part.data.get()[i] = total;
    }
    for (const auto& part : parts) part.done({});
  }

 private:
  struct Part {
    std::shared_ptr<float> data;
    ProcessSum::Done done;
  };
  std::mutex mutex_;
  std::map<std::uint64_t, std::vector<Part>> sums_;
};

class Tables {
 public:
  std::string lay() {
    const std::lock_guard lock(mutex_);
    tables_.push_back(std::make_shared<Table>());
    return std::to_string(tables_.size() - 1);
  }
  std::shared_ptr<Table> at(const std::string& number) {
    const std::lock_guard lock(mutex_);
    return tables_.at(std::stoul(number));
  }

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<Table>> tables_;
};

class ByArrival final : public ProcessSum {
 public:
  ByArrival(ProcessSumOptions options, std::shared_ptr<Tables> tables)
      : options_(std::move(options)), tables_(std::move(tables)) {}
  void start(std::shared_ptr<float> data, std::size_t n, Done done) override {
    if (!table_) {
      if (options_.self == 0) options_.notes->put("table", tables_->lay());
      const auto number = options_.notes->get("table", options_.timeout_seconds);
      if (!number) return done(fail(number.error()));
      table_ = tables_->at(*number);
    }
    table_->add(sums_++, options_.processes, std::move(data), n, std::move(done));
  }

 private:
  const ProcessSumOptions options_;
  const std::shared_ptr<Tables> tables_;
  std::shared_ptr<Table> table_;
  std::uint64_t sums_ = 0;
};

MakeProcessSum by_arrival() {
  return [tables = std::make_shared<Tables>()](const ProcessSumOptions& options) {
    return std::make_unique<ByArrival>(options, tables);
  };
}

std::string layout_name(const testing::TestParamInfo<BackEnd>& info) {
  return std::vector<std::string>{"TwoProcesses", "ThreeProcesses", "RankAProcess"}[info.index];
}
INSTANTIATE_TEST_SUITE_P(Fast, CollectiveSuite,
                         testing::Values(BackEnd(Layout(2, {}, by_arrival()), false),
                                         BackEnd(Layout(3, {}, by_arrival()), false),
                                         BackEnd(Layout(8, {}, by_arrival()), false)),
                         &layout_name);

/// What a library was asked for last; it answers when the test says so.
struct Asked {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::pair<std::shared_ptr<float>, ProcessSum::Done>> sums;

  void wait_for(std::size_t count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return sums.size() >= count; });
  }
};

class Waiting final : public ProcessSum {
 public:
  explicit Waiting(Asked& asked) : asked_(asked) {}
  void start(std::shared_ptr<float> data, std::size_t, Done done) override {
    const std::lock_guard lock(asked_.mutex);
    asked_.sums.emplace_back(std::move(data), std::move(done));
    asked_.changed.notify_all();
  }

 private:
  Asked& asked_;
};

MakeProcessSum waiting(Asked& asked) {
  return [&asked](const ProcessSumOptions&) { return std::make_unique<Waiting>(asked); };
}

Result<void> sum_ones(Collective& end, int members, int first, std::size_t n = 1000) {
  std::vector<float> one(n, 1.0f), out(n);
  const float* mine = one.data();
  return end.sum({members, first, {&mine, 1}}, out.data(), n, 1.0f, true, {});
}

TEST(NodeGroupFast, WhatALibraryFailsByFailsAllRanks) {
  Planes planes(2);
  Asked asked;
  auto ends = make_group(planes, {2, 1}, 4, {}, waiting(asked));
  std::thread library([&] {
    asked.wait_for(2);
    asked.sums[0].second(fail({ErrorCode::peer_failed, "the cable smokes"}));
  });
  on_ranks(3, [&](int r) {
    const auto summed = sum_ones(*ends[static_cast<std::size_t>(r)], 3, r);
    ASSERT_FALSE(summed);
    EXPECT_EQ(summed.error().code, ErrorCode::peer_failed);
    EXPECT_THAT(summed.error().text(), HasSubstr("the cable smokes"));
  });
  library.join();
}

TEST(NodeGroupFast, AnAbortIsHeardWhileALibraryWaitsAndWritesOn) {
  Planes planes(2);
  Asked asked;
  auto ends = make_group(planes, {1, 1}, kGenerous, {}, waiting(asked));
  std::thread aborter([&] {
    asked.wait_for(2);
    ends[1]->abort("no more memory");
  });
  on_ranks(2, [&](int r) {
    const auto summed = sum_ones(*ends[static_cast<std::size_t>(r)], 2, r);
    ASSERT_FALSE(summed);
    EXPECT_EQ(summed.error().code, ErrorCode::peer_failed);
    EXPECT_THAT(summed.error().text(), HasSubstr("rank 1 of 2 failed: no more memory"));
  });
  aborter.join();
  ends.clear();
  for (auto& [data, done] : asked.sums) {  // a group that is gone hears nothing, and lent what is written to
    data.get()[999] = 7;
    done({});
    EXPECT_EQ(data.get()[999], 7);
  }
}

TEST(NodeGroupFast, ALibraryThatNeverEndsIsGivenUp) {
  Planes planes(2);
  Asked asked;
  auto ends = make_group(planes, {1, 1}, 0.1, {}, waiting(asked));
  on_ranks(2, [&](int r) {
    const auto summed = sum_ones(*ends[static_cast<std::size_t>(r)], 2, r);
    ASSERT_FALSE(summed);
    EXPECT_EQ(summed.error().code, ErrorCode::peer_missing);
    EXPECT_THAT(summed.error().text(), HasSubstr("did not come to its end"));
  });
}

TEST(NodeGroupFast, NoLibraryIsAskedBeforeAllHaveComeWithTheSameSum) {
  Planes planes(2);
  Asked asked;
  auto ends = make_group(planes, {1, 1}, kGenerous, {}, waiting(asked));
  on_ranks(2, [&](int r) {
    const auto summed = sum_ones(*ends[static_cast<std::size_t>(r)], 2, r, r == 0 ? 1000 : 999);
    ASSERT_FALSE(summed);
    EXPECT_THAT(summed.error().text(), HasSubstr("sums 999"));
  });
  EXPECT_TRUE(asked.sums.empty());
}

TEST(NodeGroupFast, ScalarsAndCountsStayExact) {
  Planes planes(2);
  Asked asked;
  auto ends = make_group(planes, {1, 1}, kGenerous, {}, waiting(asked));
  on_ranks(2, [&](int r) {
    const double mine = r + 1.5;
    const std::int64_t count = r + 1;
    double sum = 0;
    std::int64_t counted = 0;
    const double* one = &mine;
    const std::int64_t* other = &count;
    ASSERT_TRUE(ends[static_cast<std::size_t>(r)]->sum({2, r, {&one, 1}}, &sum, 1, 1.0, true, {}));
    ASSERT_TRUE(
        ends[static_cast<std::size_t>(r)]->sum({2, r, {&other, 1}}, &counted, 1, std::int64_t{1}, true, {}));
    EXPECT_EQ(sum, 4.0);
    EXPECT_EQ(counted, 3);
  });
  EXPECT_TRUE(asked.sums.empty());
}

TEST(NodeGroupFast, SmallSumsStayExact) {
  Planes planes(2);
  Asked asked;
  auto ends = make_group(
      planes, {1, 1}, 4, [](NodeGroupOptions& options) { options.fast_from = Bytes{4000}; }, waiting(asked));
  on_ranks(2, [&](int r) {
    const auto summed = sum_ones(*ends[static_cast<std::size_t>(r)], 2, r, 999);
    ASSERT_TRUE(summed) << summed.error().text();
  });
  EXPECT_TRUE(asked.sums.empty());
  std::thread library([&] {
    asked.wait_for(2);
    for (const auto& sum : asked.sums) sum.second({});
  });
  on_ranks(2, [&](int r) { EXPECT_TRUE(sum_ones(*ends[static_cast<std::size_t>(r)], 2, r, 1000)); });
  library.join();
}

TEST(NodeGroupFast, IsRefusedWhereNothingMakesIt) {
  Planes planes(2);
  auto options = group_options({1, 1}, 1, kGenerous);
  options.self = "a";
  options.fast = true;
  const auto none = make_node_group(planes.of(0), options);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::bad_config);
  EXPECT_THAT(none.error().text(), HasSubstr("no LibTorch"));
}

TEST(NodeGroupFast, NotesAreReadAsWhatAnybodyMaySend) {
  const auto note = group::encode_note("key", "value");
  const auto read = group::parse(note);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->key, "key");
  EXPECT_EQ(read->value, "value");
  EXPECT_TRUE(group::parse(group::encode_note("", "")));
  EXPECT_FALSE(group::parse(note.substr(0, note.size() - 6))) << "a part of its key is missing";
  EXPECT_FALSE(group::parse(group::encode_note(std::string(257, 'k'), "")));
  EXPECT_FALSE(group::parse(group::encode_note("k", std::string(16385, 'v'))));
}

TEST(NodeGroupFast, ANoteThatNobodyAskedForFailsTheGroup) {
  Planes planes(2);
  auto options = group_options({1, 1}, planes.new_channel(), kGenerous);
  options.self = "a";
  auto ends = make_node_group(planes.of(0), options);
  ASSERT_TRUE(ends);
  auto peer = open(planes.process(1), "a", options.channel, Priority::gradients);
  ASSERT_TRUE(peer.send(group::encode_note("key", "value")));
  const auto met = (*ends)[0]->barrier();
  ASSERT_FALSE(met);
  EXPECT_THAT(met.error().text(), HasSubstr("a note that nobody asked for"));
}

}  // namespace
}  // namespace troupe::test
