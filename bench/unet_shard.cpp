#include "bench/unet_shard.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "tests/predict/module/nets.hpp"

namespace troupe::bench {
namespace {

using Network = test::UNet<2>;

std::shared_ptr<Network> make(UNetShape s) { return std::make_shared<Network>(1, kTissues, s.base, s.depth); }

torch::Tensor loss_of(Network& net, const torch::Tensor& images, const torch::Tensor& labels) {
  const auto scores = net.forward(images);
  return torch::nn::functional::cross_entropy(scores, labels) + test::dice(scores, labels);
}

}  // namespace

struct UNetShard::Net {
  std::shared_ptr<Network> module;
  std::vector<torch::Tensor> parameters;
};

UNetShard::UNetShard(UNetShape shape, std::span<const float> parameters)
    : shape_(shape), net_(std::make_unique<Net>()) {
  net_->module = make(shape);
  net_->parameters = net_->module->parameters();
  auto* at = const_cast<float*>(parameters.data());  // LibTorch wants mutable memory even to read
  for (auto& p : net_->parameters) {
    p.set_data(torch::from_blob(at, p.sizes()));
    at += p.numel();
  }
}
UNetShard::~UNetShard() = default;

double UNetShard::run(std::span<const float> images, std::span<float> gradient) {
  const std::int64_t side = shape_.side;
  const auto x =
      torch::from_blob(const_cast<float*>(images.data()), {shape_.batch, 1, side, side}).contiguous();
  const auto labels = ((x.select(1, 0) + 1) * (0.5 * kTissues)).to(torch::kLong).clamp(0, kTissues - 1);
  const auto loss = loss_of(*net_->module, x, labels);
  const auto gradients = torch::autograd::grad({loss}, net_->parameters);
  float* to = gradient.data();
  for (const auto& g : gradients) {
    torch::from_blob(to, g.sizes()).copy_(g);
    to += g.numel();
  }
  return loss.item<double>();
}

std::size_t unet_parameters(UNetShape shape) {
  std::size_t n = 0;
  for (const auto& p : make(shape)->parameters()) n += static_cast<std::size_t>(p.numel());
  return n;
}

void unet_begin(UNetShape shape, std::span<float> parameters) {
  float* to = parameters.data();
  for (const auto& p : make(shape)->parameters()) {
    const auto flat = p.detach().contiguous();
    to = std::copy_n(flat.data_ptr<float>(), flat.numel(), to);
  }
}

PhaseForecast unet_forecast(UNetShape shape, int shards) {
  meta::Measured measured;
  const auto told = meta::forecast_step(
      [shape] {
        auto net = make(shape);
        const std::int64_t side = shape.side;
        const auto x = torch::randn({shape.batch, 1, side, side}),
                   y = torch::randint(0, kTissues, {shape.batch, side, side}, torch::kLong);
        return meta::ModuleStep{net->parameters(), [=] {
                                  net->zero_grad();
                                  loss_of(*net, x, y).backward();
                                }};
      },
      measured);
  if (!told) throw ErrorException(told.error());
  PhaseForecast phase;
  phase.shards = shards;
  phase.bytes = Bytes{told->peak + told->headroom + shards * 3 * told->parameters};
  phase.bytes_a_worker = Bytes{told->peak};
  const auto& work = told->work;
  const double width = shape.base << (shape.depth / 2);
  for (const auto pass : {Work::forward, Work::backward_data, Work::backward_weight})
    phase.shard.convolution(pass, width, width, work.convolution_flops / Work::kPasses);
  phase.shard.product_flops = work.product_flops;
  const double each = work.bytes / static_cast<double>(std::max<std::int64_t>(1, work.operators));
  (each <= Work::kNear ? phase.shard.near_bytes : phase.shard.far_bytes) = work.bytes;
  phase.shard.kernels = static_cast<double>(work.operators);
  return phase;
}

}  // namespace troupe::bench
