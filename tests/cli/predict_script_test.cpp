#include "cli/predict_script.hpp"

#include <gmock/gmock.h>

#include "tests/cli/fakes.hpp"

namespace troupe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class PredictScriptCommand : public ::testing::Test {
 protected:
  PredictScriptCommand() {
    command.services.forecast_script =
        [this](const std::string& file, const std::vector<std::int64_t>& shape,
               const meta::ScriptOptions& options) -> Result<meta::ModuleForecast> {
      asked_file = file;
      asked_shape = shape;
      asked = options;
      if (trouble) return fail(*trouble);
      meta::ModuleForecast told;
      told.parameters = told.gradients = mib(3).count;
      told.optimiser = mib(6).count;
      told.held = mib(13).count;
      told.peak = mib(100).count;
      told.headroom = mib(1).count;
      told.work.convolution_flops = 2e9;
      told.work.operators = 17;
      return told;
    };
  }
  int run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "predict");
    return command.run(arguments);
  }
  FakeCommand command;
  std::string asked_file;
  std::vector<std::int64_t> asked_shape;
  meta::ScriptOptions asked;
  std::optional<Error> trouble;
};

TEST_F(PredictScriptCommand, TellsWhatATrainingStepTakes) {
  ASSERT_EQ(run({"nets/unet.pt", "--input", "8x1x256x256", "--optimiser", "sgd"}), kDone) << command.err;
  EXPECT_EQ(asked_file, "nets/unet.pt");
  EXPECT_THAT(asked_shape, ElementsAre(8, 1, 256, 256));
  EXPECT_EQ(asked.optimiser, "sgd");
  EXPECT_TRUE(asked.training);
  for (const char* part : {"unet.pt, input 8x1x256x256, a training step", "gradients", "6 MiB", "100 MiB",
                           "smallest slice: 1 core, 101 MiB", "2e+09 FLOP in 17 operators"})
    EXPECT_THAT(command.out, HasSubstr(part));
}

TEST_F(PredictScriptCommand, TellsMachinesTheSame) {
  ASSERT_EQ(run({"unet.ts", "--input", "2x3", "--forward-only", "--json"}), kDone) << command.err;
  EXPECT_FALSE(asked.training);
  const auto told = Json::parse(command.out);
  EXPECT_EQ(told["input"], Json({2, 3}));
  EXPECT_EQ(told["training"], false);
  EXPECT_EQ(told["peak"], mib(100).count);
  EXPECT_EQ(told["slice"], mib(101).count);
  EXPECT_EQ(told["flops"], 2e9);
}

TEST_F(PredictScriptCommand, RefusesShapesThatAreNone) {
  for (const char* shape : {"", "0x3", "8x", "x8", "8,3", "-1x3", "8x1x256x1e3", "99999999999x1",
                            "1x1x1x1x1x1x1x1x1", "9999999999999999999999"}) {
    EXPECT_EQ(run({"unet.pt", "--input", shape}), kWrongUse) << shape;
    EXPECT_THAT(command.err, HasSubstr("--input")) << shape;
    EXPECT_EQ(command.out, "");
  }
  EXPECT_EQ(run({"unet.pt"}), kWrongUse);
  EXPECT_THAT(command.err, HasSubstr("For example --input 8x3x224x224"));
  EXPECT_EQ(asked_file, "") << "nothing was looked at";
}

TEST_F(PredictScriptCommand, SaysWhatIsWrongWithTheFile) {
  trouble = Error{ErrorCode::bad_data, "this is no TorchScript file", "unet.pt", "text", "", ""};
  EXPECT_EQ(run({"unet.pt", "--input", "1x1"}), trouble->exit_code());
  EXPECT_THAT(command.err, HasSubstr("this is no TorchScript file"));
  EXPECT_EQ(run({"unet.pt", "--input", "1x1", "--optimiser", "lion"}), kWrongUse);
  EXPECT_THAT(command.err, HasSubstr("adamw"));
}

TEST_F(PredictScriptCommand, WithoutLibTorchSaysSo) {
  command.services.forecast_script = nullptr;
  EXPECT_EQ(run({"unet.pt", "--input", "1x1"}), kWrongUse);
  EXPECT_THAT(command.err, HasSubstr("without LibTorch"));
}

}  // namespace
}  // namespace troupe
