#include "network.hpp"

#include <torch/torch.h>

#include <array>
#include <cmath>
#include <vector>

#include "base/random.hpp"

namespace classifier {
namespace {

constexpr std::array<int, 4> kChannels = {1, 8, 16, 32};

struct Layer {
  std::vector<std::int64_t> weight;
  std::int64_t outputs, inputs;  // inputs: that one output sees
  std::int64_t weights() const { return outputs * inputs; }
};

std::vector<Layer> layers(int size) {
  std::vector<Layer> all;
  for (std::size_t i = 1; i < kChannels.size(); ++i)
    all.push_back({{kChannels[i], kChannels[i - 1], 3, 3}, kChannels[i], kChannels[i - 1] * 9});
  const std::int64_t features = kChannels.back() * (size / 8) * (size / 8);
  all.push_back({{kClasses, features}, kClasses, features});
  return all;
}

// LibTorch wants mutable memory even to read.
float* data(std::span<const float> values) { return const_cast<float*>(values.data()); }

}  // namespace

std::size_t parameter_count(int size) {
  std::int64_t n = 0;
  for (const Layer& layer : layers(size)) n += layer.weights() + layer.outputs;
  return static_cast<std::size_t>(n);
}

void initialise(std::span<float> parameters, int size, std::int64_t seed) {
  std::size_t at = 0;
  std::int32_t number = 0;
  for (const Layer& layer : layers(size)) {
    const auto weights = parameters.subspan(at, static_cast<std::size_t>(layer.weights()));
    troupe::Draw(seed, 0, number++, troupe::Purpose::initial).fill_normal(weights);
    const float scale = std::sqrt(2.0f / static_cast<float>(layer.inputs));
    for (float& w : weights) w *= scale;
    at += weights.size() + static_cast<std::size_t>(layer.outputs);  // biases start at zero
  }
}

ShardResult loss_and_gradient(std::span<const float> parameters, std::span<const float> images,
                              std::span<const std::int64_t> labels, int size, std::span<float> gradient) {
  const auto n = static_cast<std::int64_t>(labels.size());
  // A leaf of this thread's own over the memory that all shards share.
  torch::Tensor flat = torch::from_blob(data(parameters), {static_cast<std::int64_t>(parameters.size())});
  flat.requires_grad_(true);
  torch::Tensor x = torch::from_blob(data(images), {n, 1, size, size});
  std::int64_t at = 0;
  const auto take = [&](const std::vector<std::int64_t>& shape, std::int64_t count) {
    at += count;
    return flat.narrow(0, at - count, count).view(shape);
  };
  const auto all = layers(size);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const torch::Tensor weight = take(all[i].weight, all[i].weights());
    const torch::Tensor bias = take({all[i].outputs}, all[i].outputs);
    x = i + 1 < all.size() ? torch::relu(torch::conv2d(x, weight, bias, 2, 1))
                           : torch::linear(x.flatten(1), weight, bias);
  }
  const torch::Tensor truth = torch::from_blob(const_cast<std::int64_t*>(labels.data()), {n}, torch::kInt64);
  const torch::Tensor loss = torch::cross_entropy_loss(x, truth, {}, at::Reduction::Sum);
  const torch::Tensor g = torch::autograd::grad({loss}, {flat})[0];
  torch::from_blob(gradient.data(), g.sizes()).copy_(g);
  return {loss.item<double>(), x.argmax(1).eq(truth).sum().item<double>()};
}

}  // namespace classifier
