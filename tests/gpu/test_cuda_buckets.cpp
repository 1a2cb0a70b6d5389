#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>

#include "gpu/cuda/buckets.hpp"

namespace troupe::cuda {
namespace {

using Sizes = std::vector<std::int64_t>;

TEST(Buckets, FillFromTheLastTensorOn) {
  const Sizes sizes = {100, 1000, 30, 10};
  const auto b = lay_out_buckets(sizes, {.size = {4608}, .first_size = {512}, .alignment = 16});
  ASSERT_TRUE(b.has_value());
  ASSERT_EQ(b->size(), 2U);
  EXPECT_EQ((*b)[0].tensors.size(), 2U);
  EXPECT_EQ((*b)[0].tensors[0].tensor, 3);
  EXPECT_EQ((*b)[0].tensors[1].offset, 16);
  EXPECT_EQ((*b)[0].elements, 16 + 32);
  EXPECT_EQ((*b)[1].elements, 1008 + 112) << "4480 bytes fit; in the first bucket 512 do";
}

TEST(Buckets, HoldEveryTensorOnceAlignedAndWithinTheLimit) {
  std::mt19937 random(3);
  for (int round = 0; round < 500; ++round) {
    Sizes sizes(random() % 40);
    for (auto& s : sizes) s = random() % 5 == 0 ? 0 : random() % 3000;
    const BucketLimits limits{{static_cast<std::int64_t>(256 + random() % 8000)},
                              {static_cast<std::int64_t>(64 + random() % 1000)},
                              static_cast<std::int64_t>(1 + random() % 64)};
    const auto buckets = lay_out_buckets(sizes, limits);
    ASSERT_TRUE(buckets.has_value());
    std::vector<int> seen;
    for (const auto& bucket : *buckets) {
      std::int64_t end = 0;
      int with_elements = 0;
      for (const auto& t : bucket.tensors) {
        seen.push_back(t.tensor);
        with_elements += t.elements > 0 ? 1 : 0;
        ASSERT_EQ(t.offset % limits.alignment, 0);
        ASSERT_GE(t.offset, end);
        ASSERT_EQ(t.elements, sizes[static_cast<std::size_t>(t.tensor)]);
        end = t.offset + t.elements;
      }
      ASSERT_LE(end, bucket.elements);
      if (with_elements > 1) {
        ASSERT_LE(bucket.elements * 4, limits.size.count);
      }
    }
    Sizes back(sizes.size());
    std::iota(back.rbegin(), back.rend(), 0);
    ASSERT_EQ(Sizes(seen.begin(), seen.end()), back) << "every tensor once, the last first";
  }
}

TEST(Buckets, RefuseSizesThatMakeNoSense) {
  const Sizes good = {1}, negative = {-1}, huge = {std::numeric_limits<std::int64_t>::max()};
  const Sizes overflow(20, std::numeric_limits<std::int64_t>::max() / 16);
  EXPECT_FALSE(lay_out_buckets(good, {.size = {0}}).has_value());
  EXPECT_FALSE(lay_out_buckets(good, {.alignment = 0}).has_value());
  EXPECT_FALSE(lay_out_buckets(negative, {}).has_value());
  EXPECT_FALSE(lay_out_buckets(huge, {}).has_value());
  EXPECT_FALSE(lay_out_buckets(overflow, {}).has_value());
  EXPECT_TRUE(lay_out_buckets({}, {})->empty());
}

TEST(Buckets, AFingerprintTellsLayoutsApart) {
  const Sizes sizes = {100, 1000, 30}, swapped = {1000, 100, 30};
  const auto a = *lay_out_buckets(sizes, {}), b = *lay_out_buckets(swapped, {}),
             c = *lay_out_buckets(sizes, {.alignment = 32});
  EXPECT_EQ(fingerprint(a), fingerprint(*lay_out_buckets(sizes, {})));
  EXPECT_NE(fingerprint(a), fingerprint(b));
  EXPECT_NE(fingerprint(a), fingerprint(c));
}

TEST(BucketTracker, StartsBucketsInTheirOrderWhateverComesFirst) {
  const Sizes sizes = {400, 300, 200, 100};
  const auto buckets = *lay_out_buckets(sizes, {.size = {512}, .first_size = {512}, .alignment = 1});
  ASSERT_EQ(buckets.size(), 4U);
  std::vector<int> order = {0, 1, 2, 3};
  do {
    BucketTracker tracker(buckets);
    for (int step = 0; step < 2; ++step) {
      int next = 0;
      for (const int tensor : order) {
        const auto may = tracker.arrived(tensor);
        ASSERT_TRUE(may.has_value());
        ASSERT_EQ(may->first, next);
        next = may->second;
      }
      ASSERT_EQ(next, 4);
      ASSERT_TRUE(tracker.all_started());
      tracker.next_step();
    }
  } while (std::next_permutation(order.begin(), order.end()));
  BucketTracker tracker(buckets);
  EXPECT_EQ(tracker.arrived(0)->second, 0) << "the last bucket waits for those before it";
  EXPECT_FALSE(tracker.arrived(0).has_value()) << "twice";
  EXPECT_FALSE(tracker.arrived(4).has_value());
  EXPECT_FALSE(tracker.arrived(-1).has_value());
}

}  // namespace
}  // namespace troupe::cuda
