#include "predict/correction.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

namespace troupe {
namespace {

using ::testing::HasSubstr;

const StepKind narrow{"gan", "8x8", 1}, narrow_on_two{"gan", "8x8", 2}, wide{"gan", "64x64", 1};

Correction after(int steps, double ratio, const StepKind& kind = narrow) {
  Correction c;
  for (int i = 0; i < steps; ++i) c.step(kind, 2, 2 * ratio);
  return c;
}

TEST(Correction, KnowsNothingAtFirst) {
  EXPECT_EQ(Correction{}.factor(narrow), 1);
  EXPECT_EQ(Correction{}.steps(narrow), 0);
  EXPECT_TRUE(Correction{}.empty());
}

TEST(Correction, IsTheMedianOfTheNewestRatios) {
  Correction c;
  for (const double measured : {2.0, 2.2, 2.4}) c.step(narrow, 2, measured);
  EXPECT_NEAR(c.factor(narrow), 1.1, 1e-12);
  EXPECT_EQ(c.steps(narrow), 3);
}

TEST(Correction, IsNotMovedByStepsThatSomethingHeldUp) {
  auto c = after(20, 1.25);
  for (int i = 0; i < 9; ++i) c.step(narrow, 2, 2000);
  EXPECT_NEAR(c.factor(narrow), 1.25, 1e-9);
}

TEST(Correction, FollowsAMachineThatHasBecomeSlower) {
  auto c = after(200, 1.25);
  for (std::size_t i = 0; i < Correction::kNewest; ++i) c.step(narrow, 2, 5);
  EXPECT_NEAR(c.factor(narrow), 2.5, 1e-9);
}

TEST(Correction, OfWhatWasNeverSeenIsThatOfItsNeighbours) {
  auto c = after(5, 1.2);
  EXPECT_NEAR(c.factor(narrow_on_two), 1.2, 1e-9);
  for (int i = 0; i < 5; ++i) c.step({"gan", "8x8", 8}, 2, 4);
  EXPECT_NEAR(c.factor(narrow_on_two), 1.2, 1e-9);  // one core is nearer than eight
  EXPECT_NEAR(c.factor({"gan", "8x8", 7}), 2, 1e-9);
  EXPECT_GT(c.factor(wide), 1.1);
  EXPECT_EQ(c.factor({"segmentation", "8x8", 1}), 1);
  EXPECT_EQ(c.steps(wide), 0);
}

TEST(Correction, PassesOverWhatMakesNoSense) {
  Correction c;
  const double nan = std::nan(""), huge = std::numeric_limits<double>::infinity();
  for (const double measured : {0.0, -1.0, nan, huge, 1e9}) c.step(narrow, 1, measured);
  for (const double predicted : {0.0, -1.0, nan, huge}) c.step(narrow, predicted, 1);
  EXPECT_TRUE(c.empty());
}

TEST(Correction, IsBounded) {
  Correction c;
  for (int cores = 1; cores <= 5000; ++cores) c.step({"gan", "8x8", cores}, 1, 2);
  EXPECT_EQ(c.steps({"gan", "8x8", 5000}), 0);
  EXPECT_EQ(c.steps({"gan", "8x8", static_cast<int>(Correction::kMostKinds)}), 1);
}

TEST(Correction, ComesBackFromItsText) {
  auto c = after(40, 1.25);
  c.step(wide, 1, 3);
  const auto back = Correction::from_text(c.text(), "file");
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_NEAR(back->factor(narrow), 1.25, 1e-9);
  EXPECT_NEAR(back->factor(wide), 3, 1e-9);
  EXPECT_EQ(back->steps(narrow), 40);
  EXPECT_EQ(back->text(), c.text());
}

TEST(Correction, GoesOnFromWhatItHadComeTo) {
  auto back = *Correction::from_text(after(40, 1.25).text(), "file");
  back.step(narrow, 1, 9);  // one step does not outweigh forty
  EXPECT_NEAR(back.factor(narrow), 1.25, 1e-9);
  for (int i = 0; i < 3; ++i) back.step(narrow, 1, 1.5);
  EXPECT_NEAR(back.factor(narrow), 1.5, 1e-9);
}

TEST(Correction, RefusesWhatItDoesNotWrite) {
  const auto one = [](const std::string& row) { return "{\"format\":1,\"corrections\":[" + row + "]}"; };
  const std::string long_name(300, 'x');
  for (const std::string& text :
       {std::string(), std::string("null"), std::string("[]"),
        std::string("{\"format\":2,\"corrections\":[]}"), std::string("{\"format\":1}"),
        after(3, 1.5).text().substr(0, 60), one("7"), one("{}"),
        one(R"({"kind":"gan","phase":"8","cores":0,"factor":1,"steps":1})"),
        one(R"({"kind":"gan","phase":"8","cores":1e30,"factor":1,"steps":1})"),
        one(R"({"kind":"gan","phase":"8","cores":1,"factor":0,"steps":1})"),
        one(R"({"kind":"gan","phase":"8","cores":1,"factor":1e9,"steps":1})"),
        one(R"({"kind":"gan","phase":"8","cores":1,"factor":1,"steps":-1})"),
        one(R"({"kind":7,"phase":"8","cores":1,"factor":1,"steps":1})"),
        one(R"({"kind":"gan","phase":")" + long_name + R"(","cores":1,"factor":1,"steps":1})")}) {
    const auto read = Correction::from_text(text, "runs/.corrections.json");
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, ErrorCode::bad_data);
    EXPECT_THAT(read.error().text(), HasSubstr("runs/.corrections.json"));
  }
}

}  // namespace
}  // namespace troupe
