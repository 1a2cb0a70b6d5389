// Sums beside the work that makes what they sum: bucket by bucket, each behind its elements.
#include <gmock/gmock.h>

#include "tests/gpu/collective_reference.hpp"
#include "tests/gpu/fake_devices.hpp"

namespace troupe::cuda {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Range = std::pair<std::size_t, std::size_t>;

constexpr std::size_t kElements = 3'000, kBucket = 1'024;

/// A rank whose elements are written by its device's stream, late, when they are asked for.
struct LateRank {
  std::vector<float> made, out = std::vector<float>(kElements);
  std::vector<Range> asked;

  FloatSum sum(int ranks, int rank, HostMemory& memory, const float* const& at) {
    return {{ranks, rank, {&at, 1}}, out.data(), kElements, 1, [&](std::size_t begin, std::size_t end) {
              asked.emplace_back(begin, end);
              FakeStream::of(memory.stream()).give([this, begin, end] {
                std::this_thread::sleep_for(std::chrono::milliseconds(2));  // a sum that did not wait reads 0
                for (std::size_t i = begin; i < end; ++i) made[i] = static_cast<float>(i);
              });
            }};
  }
};

TEST(NcclOverlap, EachBucketIsSummedBehindItsElements) {
  for (const bool exact : {true, false})
    for (const int ranks : {2, 3}) {
      FakeDevices devices;
      const auto ends =
          make_nccl(devices.ends(ranks, true), {.exact = exact, .bucket = Bytes{kBucket * sizeof(float)}});
      ASSERT_TRUE(ends);
      std::vector<LateRank> late(static_cast<std::size_t>(ranks));
      test::on_ranks(ranks, [&](int r) {
        const auto rank = static_cast<std::size_t>(r);
        auto& end = *(*ends)[rank];
        EXPECT_TRUE(end.sums_as_ready());
        late[rank].made.assign(kElements, 0);
        const float* at = late[rank].made.data();
        const FloatSum sum = late[rank].sum(ranks, r, *devices.memories[rank], at);
        const auto summed = end.sum_each({&sum, 1}, {}, [](std::size_t, std::size_t, std::size_t) {});
        ASSERT_TRUE(summed) << summed.error().text();
      });
      for (const auto& rank : late) {
        EXPECT_THAT(rank.asked, ElementsAre(Range(0, kBucket), Range(kBucket, 2 * kBucket),
                                            Range(2 * kBucket, kElements)));
        for (std::size_t i = 0; i < kElements; ++i)
          ASSERT_EQ(rank.out[i], static_cast<float>(ranks) * static_cast<float>(i)) << i;
      }
    }
}

TEST(NcclOverlap, WorkThatIsGivenMeanwhileDoesNotWaitForTheSum) {
  FakeDevices devices;
  const auto ends = make_nccl(devices.ends(2, true), {.bucket = Bytes{kBucket * sizeof(float)}});
  ASSERT_TRUE(ends);
  const std::vector<float> ones(kElements, 1);
  std::vector<std::vector<float>> outs(2, std::vector<float>(kElements));
  std::promise<void> second_came;  // rank 1 sums only when rank 0 has gone on beside its own sum
  const auto second = second_came.get_future().share();
  test::on_ranks(2, [&](int r) {
    const auto rank = static_cast<std::size_t>(r);
    const float* at = ones.data();
    FloatSum sum{{2, r, {&at, 1}}, outs[rank].data(), kElements, 1};
    sum.ready = [&](std::size_t begin, std::size_t) {
      if (begin == 0) return;  // its first bucket waits for the other rank's, in the stream of sums
      if (r == 0)
        FakeStream::of(devices.memories[0]->stream()).give([&, begin] {
          if (begin == kBucket) second_came.set_value();
        });
      else if (begin == kBucket)
        second.wait();
    };
    ASSERT_TRUE((*ends)[rank]->sum_each({&sum, 1}, {}, [](std::size_t, std::size_t, std::size_t) {}));
  });
  for (const auto& out : outs) EXPECT_EQ(out, std::vector<float>(kElements, 2));
}

TEST(NcclOverlap, WhatThrowsInsteadOfMakingElementsFailsAllByName) {
  FakeDevices devices;
  const auto ends = make_nccl(devices.ends(2, true), {});
  ASSERT_TRUE(ends);
  const std::vector<float> ones(kElements, 1);
  std::vector<std::vector<float>> outs(2, std::vector<float>(kElements));
  test::on_ranks(2, [&](int r) {
    const auto rank = static_cast<std::size_t>(r);
    const float* at = ones.data();
    FloatSum sum{{2, r, {&at, 1}}, outs[rank].data(), kElements, 1};
    if (r == 1) sum.ready = [](std::size_t, std::size_t) { throw std::runtime_error("no gradient"); };
    const auto told = (*ends)[rank]->sum_each({&sum, 1}, {}, [](std::size_t, std::size_t, std::size_t) {});
    ASSERT_FALSE(told);
    EXPECT_THAT(told.error().text(), HasSubstr("rank 1 of 2 failed"));
    EXPECT_THAT(told.error().text(), HasSubstr("no gradient"));
  });
}

TEST(NcclOverlap, OneStreamAloneAsksForNothing) {
  FakeDevices devices;
  const auto ends = make_nccl(devices.ends(2), {});
  ASSERT_TRUE(ends);
  EXPECT_FALSE(ends->front()->sums_as_ready());
}

}  // namespace
}  // namespace troupe::cuda
