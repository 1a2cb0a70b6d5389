#include "predict/rates_file.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "tests/predict/rates.hpp"
#include "tests/temp_folder.hpp"

namespace troupe {
namespace {

using testing::even_rates;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RatesFile : public ::testing::Test {
 protected:
  RatesSource source(const std::string& device = "even") {
    return {file, device, [this] {
              ++measured;
              return even_rates();
            }};
  }
  test::TempFolder folder;
  std::filesystem::path file = folder.path() / "runs" / ".rates.json";
  int measured = 0;
};

TEST_F(RatesFile, IsMeasuredOnceAndKept) {
  auto first = source();
  EXPECT_EQ(first.get(), even_rates());
  EXPECT_EQ(first.get(), even_rates());
  EXPECT_EQ(source().get(), even_rates());
  EXPECT_EQ(measured, 1);
  EXPECT_THAT(first.troubles(), IsEmpty());
}

TEST_F(RatesFile, OfAnotherDeviceIsMeasuredAgain) {
  source().get();
  auto other = source("other");
  EXPECT_EQ(other.get()->device, "other");
  EXPECT_EQ(measured, 2);
  EXPECT_THAT(other.troubles(), IsEmpty());
  EXPECT_EQ(read_rates(file, "even").error().code, ErrorCode::not_found);
}

TEST_F(RatesFile, ThatIsBrokenIsSaidAndWrittenAnew) {
  for (const char* text :
       {"", "{", "[]", "{\"format\":2,\"device\":\"even\"}", "{\"format\":2,\"device\":7}"}) {
    folder.write("runs/.rates.json", text);
    auto from = source();
    EXPECT_EQ(from.get(), even_rates()) << text;
    EXPECT_THAT(from.troubles(), SizeIs(1)) << text;
    EXPECT_THAT(from.troubles(), IsEmpty());
    EXPECT_TRUE(read_rates(file, "even")) << text;
  }
}

TEST_F(RatesFile, IsRefusedWhereARateMakesNoSense) {
  auto rates = even_rates();
  rates.far = -1;
  ASSERT_TRUE(write_rates(file, rates));
  EXPECT_EQ(read_rates(file, "even").error().code, ErrorCode::bad_data);
}

TEST_F(RatesFile, IsRefusedWhereTheCoresAreNoWholeNumber) {
  ASSERT_TRUE(write_rates(file, even_rates()));
  for (const auto& cores : {nlohmann::json(1e300), nlohmann::json(1.5), nlohmann::json("two")}) {
    auto json = nlohmann::json::parse(*read_file(file));
    json["cores"] = cores;
    folder.write("runs/.rates.json", json.dump());
    EXPECT_EQ(read_rates(file, "even").error().code, ErrorCode::bad_data) << cores;
    ASSERT_TRUE(write_rates(file, even_rates()));
  }
}

TEST_F(RatesFile, IsNotNeededWhereNobodyCanMeasure) {
  RatesSource none(file, "even", {});
  EXPECT_FALSE(none.get());
  RatesSource wrong(file, "even", [] { return DeviceRates{}; });
  EXPECT_FALSE(wrong.get());
  EXPECT_THAT(wrong.troubles(), SizeIs(1));
}

}  // namespace
}  // namespace troupe
