// TorchScript files: foreseen, or refused in words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/script.h>
#include <torch/torch.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "predict/module/script_step.hpp"
#include "tests/predict/module/peak.hpp"

namespace troupe::meta {
namespace {

using ::testing::HasSubstr;

class Script : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    install_torch_allocator();
    use_one_torch_thread();
  }
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// A file whose network does `body` with x, 4 weights w and a convolution's k of 6 x 3 x 3 x 3.
  std::string file(const std::string& body) const {
    torch::jit::Module net("Net");
    net.register_parameter("w", torch::rand({4}).requires_grad_(true), false);
    net.register_parameter("k", torch::rand({6, 3, 3, 3}).requires_grad_(true), false);
    net.define("def forward(self, x):\n" + body);
    const std::string path = (folder_ / "net.pt").string();
    net.save(path);
    return path;
  }
  std::string refusal(const std::string& body, ErrorCode code = ErrorCode::bad_data) {
    const auto told = forecast_script(file(body), {2, 4}, {}, measured_);
    if (told) return "";
    EXPECT_EQ(told.error().code, code);
    EXPECT_THAT(told.error().text(), HasSubstr("net.pt"));
    return told.error().text();
  }
  static std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("troupe-ts-" + std::to_string(::getpid()));
  Measured measured_;
};

TEST_F(Script, IsForeseenAsItRuns) {
  const std::string path = file(
      "    y = torch.conv2d(x, self.k, None, [1, 1], [1, 1])\n"
      "    for i in range(3):\n"
      "        y = torch.relu(y) + 0.5 * y\n"
      "    return torch.max_pool2d(y, [2, 2]), y.mean()\n");
  for (const char* optimiser : {"sgd", "momentum", "adam", "adamw"})
    for (const bool training : {true, false}) {
      SCOPED_TRACE(optimiser);
      const ScriptOptions options{.batch = 5, .optimiser = optimiser, .training = training};
      const auto told = forecast_script(path, {1, 3, 24, 20}, options, measured_);
      ASSERT_TRUE(told) << told.error().text();
      const std::string bytes = read(path);
      const auto checked =
          check_script_file({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, path);
      ASSERT_TRUE(checked);
      const std::int64_t taken = test::peak_of([&] {
        auto options_here = options;
        return script_step(path, bytes, *checked, {5, 3, 24, 20}, options_here, false);
      });
      EXPECT_NEAR(static_cast<double>(told->peak), static_cast<double>(taken),
                  5e-3 * static_cast<double>(taken));
      EXPECT_GE(told->peak + told->headroom, taken);
      EXPECT_EQ(told->gradients > 0, training);
    }
}

TEST_F(Script, ThatWasTracedCallsItsConvolutionsByAnotherName) {
  const std::string conv =
      "torch._convolution(x, self.k, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, False, False, True, "
      "True)";
  const auto told = forecast_script(file("    return torch.relu(" + conv + ") * " + conv + "\n"),
                                    {2, 3, 12, 10}, {}, measured_);
  ASSERT_TRUE(told) << told.error().text();
  const double pass = 2.0 * (2 * 12 * 10) * 6 * 3 * 9;
  EXPECT_DOUBLE_EQ(told->work.convolution_flops, 2 * 2 * pass);  // twice; forward, weights
}

TEST_F(Script, ThatDecidesByValuesIsRefused) {
  EXPECT_THAT(refusal("    if bool(x.sum() > 0.0):\n        x = x * self.w\n    return x * self.w\n"),
              HasSubstr("values of tensors"));
  EXPECT_THAT(refusal("    while bool((x * x).sum() < 100.0):\n        x = x * 2\n    return x * self.w\n"),
              HasSubstr("values of tensors"));
  EXPECT_THAT(refusal("    return x[torch.nonzero(x)[0]] * self.w\n"), HasSubstr("values of tensors"));
}

TEST_F(Script, WithoutAnEndIsEnded) {
  EXPECT_THAT(refusal("    i = 0\n    while i < 10:\n        i = i * 1\n    return x * self.w\n"),
              HasSubstr("too many operators"));
  EXPECT_THAT(refusal("    s = 0\n    for i in range(1000000000000):\n        for j in range(1000):\n        "
                      "    s = s + i * j\n    return x * self.w * s\n"),
              HasSubstr("too many operators"));
}

TEST_F(Script, ThatTouchesFilesIsNotRun) {
  const auto stolen = folder_ / "stolen";
  EXPECT_THAT(refusal("    torch.save(x, \"" + stolen.string() + "\")\n    return x * self.w\n"),
              HasSubstr("touch files"));
  EXPECT_FALSE(std::filesystem::exists(stolen));
  std::ofstream(stolen) << "0123456789abcdef";
  EXPECT_THAT(refusal("    return x * self.w + torch.from_file(\"" + stolen.string() + "\", True, 4)\n"),
              HasSubstr("touch files"));
  EXPECT_EQ(read(stolen.string()), "0123456789abcdef");
}

TEST_F(Script, ThatDoesNotTakeTheInputIsRefusedInWords) {
  EXPECT_THAT(refusal("    return torch.conv2d(x, self.k)\n"), HasSubstr("conv2d"));
  EXPECT_THAT(refusal("    return x + 1\n"), HasSubstr("can't be trained"));
  EXPECT_THAT(refusal("    assert x.dim() == 9, \"not today\"\n    return x\n"), HasSubstr("not today"));
  const std::string path = file("    return x * self.w\n");
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{}, {0, 4}, {-1, 4}, {1 << 30, 1 << 30, 4}}) {
    const auto told = forecast_script(path, shape, {}, measured_);
    ASSERT_FALSE(told);
    EXPECT_EQ(told.error().code, ErrorCode::bad_usage);
  }
  const auto told = forecast_script(path, {2, 4}, {.optimiser = "adamm"}, measured_);
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, ErrorCode::bad_usage);
}

TEST_F(Script, LargerThanTheMachineIsRefused) {
  const std::string path = file("    return (x * self.w).exp().sin()\n");
  const auto told = forecast_script(path, {1 << 20, 4}, {.limits = {.memory = mib(16)}}, measured_);
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, ErrorCode::over_budget);
}

TEST_F(Script, CutOrAlteredNeverCrashes) {
  const std::string whole = read(file("    return torch.relu(x * self.w)\n"));
  const std::string path = (folder_ / "altered.pt").string();
  const auto try_it = [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
    const auto told = forecast_script(path, {2, 4}, {}, measured_);
    return told ? ErrorCode::internal : told.error().code;
  };
  for (std::size_t size = 0; size < whole.size(); size += 37)
    EXPECT_EQ(try_it(whole.substr(0, size)), ErrorCode::bad_data) << size;
  for (std::size_t at = 0; at < whole.size(); at += 29) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x15);
    try_it(bytes);
  }
}

TEST_F(Script, WhoseTensorsClaimMoreThanTheFileHoldsIsRefused) {
  std::string bytes = read(file("    return x * self.w\n"));
  // the four weights' size, as the pickle has it: a tuple of one number
  const std::string four("(K\x04t");
  const auto at = bytes.find(four);
  ASSERT_NE(at, std::string::npos);
  bytes[at + 2] = '\xf0';
  const std::string path = (folder_ / "claims.pt").string();
  std::ofstream(path, std::ios::binary) << bytes;
  const auto told = forecast_script(path, {2, 4}, {}, measured_);
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, ErrorCode::bad_data);
}

}  // namespace
}  // namespace troupe::meta
