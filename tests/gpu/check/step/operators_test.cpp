#include "tests/gpu/check/step/operators.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <algorithm>

namespace troupe::cuda::check {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

bool called(const std::vector<OperatorCall>& calls, const std::string& name) {
  return std::any_of(calls.begin(), calls.end(), [&](const auto& c) { return c.name == name; });
}

TEST(RecordedOperators, OfTheSameWorkAreTheSame) {
  const at::Tensor a = at::randn({4, 3, 8, 8}), w = at::randn({5, 3, 3, 3});
  at::Tensor sum = at::zeros({});
  const auto work = [&] { sum.copy_(at::conv2d(a, w, {}, 1, 1).square().sum()); };
  const auto one = record_operators(work),
             other = record_operators([&] {
               sum.zero_();  // what stands in what is written is an argument as well
               work();
             });
  ASSERT_TRUE(called(one, "aten::conv2d") && called(one, "aten::sum") && called(one, "aten::copy_"));
  const auto again = record_operators(work);
  const auto apart = went_apart(again, record_operators(work));
  EXPECT_TRUE(apart.first.empty()) << apart.first;
  EXPECT_THAT(apart.sources, IsEmpty());
  EXPECT_FALSE(apart.other_calls);
  EXPECT_TRUE(went_apart(one, other).other_calls);
}

TEST(RecordedOperators, TellWhichOneMadeADifferenceAndNotWhoWasGivenIt) {
  const auto work = [] {
    const at::Tensor noise = at::zeros({7}).uniform_();  // the same arguments, other results
    (void)at::sin(noise + 1).sum();
  };
  const auto apart = went_apart(record_operators(work), record_operators(work));
  EXPECT_THAT(apart.sources, ElementsAre(Pair("aten::uniform_", 1))) << "what follows had other input";
  EXPECT_EQ(apart.first, "aten::uniform_");
  EXPECT_FALSE(apart.other_calls);
}

TEST(RecordedOperators, NothingIsRecordedBehindThem) {
  const auto calls = record_operators([] { (void)at::ones({2}); });
  const auto before = calls.size();
  EXPECT_GT(before, 0U);
  (void)at::ones({2}).sum();
  EXPECT_EQ(calls.size(), before);
  EXPECT_THROW(record_operators([] { throw std::runtime_error("in the middle"); }), std::runtime_error);
  EXPECT_EQ(record_operators([] { (void)at::ones({2}); }).size(), before);
}

TEST(WhereRunsWentApart, TheInnermostCallCounts) {
  // conv2d { convolution { empty } } add
  const std::vector<OperatorCall> one = {
      {"conv2d", 1, 10, 3}, {"convolution", 1, 10, 3}, {"empty", 0, 0, 3}, {"add", 2, 20, 4}};
  std::vector<OperatorCall> other = one;
  other[0].out = other[1].out = 11;
  other[3].in = 3;
  other[3].out = 21;
  const auto apart = went_apart(one, other);
  EXPECT_EQ(apart.first, "convolution");
  EXPECT_THAT(apart.sources, ElementsAre(Pair("convolution", 1)));
  other[2].name = "zeros";
  EXPECT_TRUE(went_apart(one, other).other_calls);
  EXPECT_TRUE(went_apart(one, {}).other_calls);
}

}  // namespace
}  // namespace troupe::cuda::check
