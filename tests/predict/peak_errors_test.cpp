#include "predict/peak_errors.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "predict/correction.hpp"

namespace troupe {
namespace {

TEST(PeakErrors, WhereNobodyHasMeasuredThereIsLittle) {
  EXPECT_DOUBLE_EQ(PeakErrors{}.headroom("gan", "8x8"), PeakErrors::kLeast);
}

TEST(PeakErrors, WhereForecastsHeldItStaysSo) {
  PeakErrors errors;
  errors.seen("gan", "8x8", 100, 100);
  errors.seen("gan", "8x8", 100, 40);
  EXPECT_NEAR(errors.headroom("gan", "8x8"), PeakErrors::kLeast, 1e-12);
  EXPECT_NEAR(errors.headroom("gan", "16x16"), PeakErrors::kLeast, 1e-12);
  EXPECT_DOUBLE_EQ(errors.headroom("ga", "8x8"), PeakErrors::kLeast);
}

TEST(PeakErrors, WhereOneFellShortThereIsWhatWouldHaveCoveredIt) {
  PeakErrors errors;
  errors.seen("gan", "8x8", 100, 125);
  errors.seen("gan", "8x8", 100, 101);
  errors.seen("gan", "16x16", 100, 100);
  EXPECT_GE(100 * (1 + errors.headroom("gan", "8x8")), 125);
  EXPECT_LT(100 * (1 + errors.headroom("gan", "8x8")), 130);
  EXPECT_NEAR(errors.headroom("gan", "16x16"), PeakErrors::kLeast, 1e-12) << "its own forecasts held";
  EXPECT_GE(errors.headroom("gan", "32x32"), 0.25) << "not seen: as its kind's others";
}

TEST(PeakErrors, PassesOverWhatMakesNoSense) {
  PeakErrors errors;
  for (const double peak : {0.0, -1.0, std::nan(""), 1e30}) errors.seen("gan", "8x8", 100, peak);
  for (const double forecast : {0.0, -1.0, std::nan("")}) errors.seen("gan", "8x8", forecast, 100);
  EXPECT_DOUBLE_EQ(errors.headroom("gan", "8x8"), PeakErrors::kLeast);
}

TEST(PeakErrors, AreKeptWithTheCorrections) {
  Correction learned;
  learned.peaks().seen("gan", "8x8", 100, 150);
  const auto back = Correction::from_text(learned.text(), "file");
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_DOUBLE_EQ(back->peaks().headroom("gan", "8x8"), learned.peaks().headroom("gan", "8x8"));
  const auto old = Correction::from_text(R"({"format":1,"corrections":[]})", "file");
  ASSERT_TRUE(old) << "of before peaks were kept";
  EXPECT_DOUBLE_EQ(old->peaks().headroom("gan", "8x8"), PeakErrors::kLeast);
}

TEST(PeakErrors, RefuseWhatTheyDoNotWrite) {
  for (const char* rows :
       {"7", "[7]", "[{}]", R"([{"kind":"a","phase":"b"}])", R"([{"kind":"a","phase":"b","over":-1}])",
        R"([{"kind":"a","phase":"b","over":"x"}])", R"([{"kind":"a","phase":"b","over":1e9}])",
        R"([{"kind":1,"phase":"b","over":1}])"}) {
    EXPECT_FALSE(PeakErrors{}.from_json(nlohmann::json::parse(rows))) << rows;
    EXPECT_FALSE(
        Correction::from_text(std::string(R"({"format":1,"corrections":[],"peaks":)") + rows + "}", "f"));
  }
}

}  // namespace
}  // namespace troupe
