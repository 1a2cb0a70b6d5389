// What a user's module takes is known before it runs: forecasts on the meta device against steps on the
// processor.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/predict/module/nets.hpp"
#include "tests/predict/module/peak.hpp"

namespace troupe::meta {
namespace nn = torch::nn;
namespace {

class Forecast : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    install_torch_allocator();
    use_one_torch_thread();
  }
  /// Both, within a part in a thousand of each other.
  ModuleForecast compare(const std::function<ModuleStep()>& build) {
    const auto told = forecast_step(build, measured_);
    EXPECT_TRUE(told) << told.error().text();
    if (!told) return {};
    const std::int64_t taken = test::peak_of(build);
    EXPECT_NEAR(static_cast<double>(told->peak), static_cast<double>(taken),
                1e-3 * static_cast<double>(taken));
    EXPECT_GE(told->peak + told->headroom, taken);
    return *told;
  }
  Measured measured_;
};

TEST_F(Forecast, OfAMultilayerPerceptronIsExact) {
  const auto build = [] {
    nn::Sequential net(nn::Linear(40, 300), nn::ReLU(), nn::Linear(300, 200), nn::Tanh(), nn::Linear(200, 3));
    auto adam = std::make_shared<torch::optim::Adam>(net->parameters());
    const torch::Tensor x = torch::randn({64, 40}), y = torch::randn({64, 3});
    return ModuleStep{net->parameters(), [=]() mutable {
                        adam->zero_grad();
                        torch::mse_loss(net->forward(x), y).backward();
                        adam->step();
                      }};
  };
  const auto told = forecast_step(build, measured_);
  ASSERT_TRUE(told) << told.error().text();
  // but for a scalar that lives for a moment inside a kernel
  EXPECT_NEAR(static_cast<double>(told->peak), static_cast<double>(test::peak_of(build)), 128);
  EXPECT_EQ(told->gradients, told->parameters);
  EXPECT_EQ(told->optimiser, 2 * told->parameters);  // Adam's two averages
  EXPECT_GT(told->held, 4 * told->parameters);
  const double forward = 2 * 64 * (40 * 300 + 300 * 200 + 200 * 3);
  EXPECT_DOUBLE_EQ(told->work.product_flops,
                   3 * forward - 2 * 64 * 40 * 300);  // nobody asks for the input's gradient
  EXPECT_EQ(told->work.convolution_flops, 0);
  EXPECT_GT(told->work.bytes, 0);
}

TEST_F(Forecast, OfUNetsInTwoAndThreeDimensions) {
  compare([] { return test::unet_step<2>(8, 2, 48, 3); });
  compare([] { return test::unet_step<3>(8, 2, 16, 2); });
}

TEST_F(Forecast, OfAResidualClassifierAndOfAMixer) {
  compare([] { return test::classifier_step(std::make_shared<test::Residual>(8, 3, 10), 32, 5, 10); });
  compare([] { return test::classifier_step(std::make_shared<test::Mixer>(32, 8, 48, 2, 10), 32, 6, 10); });
}

TEST_F(Forecast, OfLargeConvolutionsThatAreMeasuredOnSlabs) {
  const auto build = [](std::int64_t lines) {
    return [lines] {
      nn::Sequential net(nn::Conv2d(nn::Conv2dOptions(16, 48, 3).padding(1)),
                         nn::Conv2d(nn::Conv2dOptions(48, 32, 3).stride(2)),
                         nn::ConvTranspose2d(nn::ConvTranspose2dOptions(32, 16, 4).stride(2)));
      auto sgd = std::make_shared<torch::optim::SGD>(net->parameters(), 0.1);
      const torch::Tensor x = torch::randn({2, 16, lines, 160});
      return ModuleStep{net->parameters(), [=]() mutable {
                          sgd->zero_grad();
                          net->forward(x).square().mean().backward();
                          sgd->step();
                        }};
    };
  };
  compare(build(161));
  compare(build(224));
}

TEST_F(Forecast, MeasuresAnOperatorOnce) {
  const auto build = [] { return test::unet_step<2>(4, 1, 16, 1); };
  const auto first = forecast_step(build, measured_), second = forecast_step(build, measured_);
  ASSERT_TRUE(first && second);
  EXPECT_GT(first->measured, 0);
  EXPECT_EQ(second->measured, 0);
  EXPECT_EQ(first->peak, second->peak);
}

TEST_F(Forecast, CountsAConvolutionsArithmetic) {
  const auto told = forecast_step(
      [] {
        nn::Conv2d conv(nn::Conv2dOptions(4, 6, 3).padding(1));
        const torch::Tensor x = torch::randn({2, 4, 10, 12});
        return ModuleStep{conv->parameters(), [=]() mutable {
                            conv->zero_grad();
                            conv(x).sum().backward();
                          }};
      },
      measured_);
  ASSERT_TRUE(told) << told.error().text();
  EXPECT_DOUBLE_EQ(told->work.convolution_flops, 2 * 2.0 * (2 * 10 * 12) * 6 * 4 * 9);  // forward, weights
}

TEST_F(Forecast, TouchesNoMemoryOfWhatItForesees) {
  const auto told = forecast_step(
      [] {
        nn::Linear wide(1 << 17, 1 << 17);  // 64 GiB, and as much again in gradients
        const torch::Tensor x = torch::randn({8, 1 << 17});
        return ModuleStep{wide->parameters(), [=]() mutable { wide(x).sum().backward(); }};
      },
      measured_);
  ASSERT_TRUE(told) << told.error().text();
  EXPECT_GT(told->peak, gib(128).count);
}

TEST_F(Forecast, OfAStepThatLooksIntoATensorIsRefusedInWords) {
  const auto told = forecast_step(
      [] {
        const torch::Tensor x = torch::randn({3});
        return ModuleStep{{}, [=] {
                            if (x.sum().item<float>() > 0) throw std::runtime_error("a made-up branch");
                          }};
      },
      measured_);
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, ErrorCode::bad_data);
  EXPECT_THAT(told.error().text(), ::testing::HasSubstr("values of tensors"));
}

TEST_F(Forecast, OfAResultWhoseSizeDependsOnValuesIsRefused) {
  const auto told = forecast_step(
      [] {
        const torch::Tensor x = torch::randn({30});
        return ModuleStep{{}, [=] { torch::nonzero(x > 0); }};
      },
      measured_);
  ASSERT_FALSE(told);
  EXPECT_THAT(told.error().text(), ::testing::HasSubstr("values of tensors"));
}

TEST_F(Forecast, EndsWhereTheMachineThatIsAskedAboutEnds) {
  const auto told =
      forecast_step([] { return test::unet_step<2>(8, 2, 64, 8); }, measured_, {.memory = mib(1)});
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, ErrorCode::over_budget);
}

TEST_F(Forecast, PassesOnWhatAModuleThrows) {
  const auto told =
      forecast_step([]() -> ModuleStep { throw std::runtime_error("no such layer"); }, measured_);
  ASSERT_FALSE(told);
  EXPECT_THAT(told.error().text(), ::testing::HasSubstr("no such layer"));
}

TEST_F(Forecast, LeavesTensorsOfOthersWhereTheyAre) {
  ASSERT_TRUE(forecast_step([] { return test::unet_step<2>(4, 1, 16, 1); }, measured_));
  EXPECT_TRUE(torch::zeros({1}).device().is_cpu());
  torch::manual_seed(3);
  const torch::Tensor before = torch::rand({4});
  torch::manual_seed(3);
  ASSERT_TRUE(forecast_step([] { return test::unet_step<2>(4, 1, 32, 2); }, measured_));
  EXPECT_TRUE(torch::equal(before, torch::rand({4})));
}

}  // namespace
}  // namespace troupe::meta
