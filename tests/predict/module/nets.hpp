#pragma once
// Networks as users write them, for tests and benches.
#include <torch/torch.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "predict/module/step.hpp"

namespace troupe::test {

namespace nn = torch::nn;
using torch::Tensor;

/// Two convolutions, normalised; N is 2 or 3 extents of space.
template <int N>
struct TwiceImpl : nn::Module {
  nn::Sequential layers;
  TwiceImpl(int in, int out) {
    if constexpr (N == 2) {
      layers = nn::Sequential(nn::Conv2d(nn::Conv2dOptions(in, out, 3).padding(1).bias(false)),
                              nn::BatchNorm2d(out), nn::ReLU(nn::ReLUOptions(true)),
                              nn::Conv2d(nn::Conv2dOptions(out, out, 3).padding(1).bias(false)),
                              nn::BatchNorm2d(out), nn::ReLU(nn::ReLUOptions(true)));
    } else {
      layers = nn::Sequential(nn::Conv3d(nn::Conv3dOptions(in, out, 3).padding(1)),
                              nn::InstanceNorm3d(nn::InstanceNorm3dOptions(out).affine(true)),
                              nn::LeakyReLU(nn::LeakyReLUOptions().negative_slope(0.01).inplace(true)),
                              nn::Conv3d(nn::Conv3dOptions(out, out, 3).padding(1)),
                              nn::InstanceNorm3d(nn::InstanceNorm3dOptions(out).affine(true)),
                              nn::LeakyReLU(nn::LeakyReLUOptions().negative_slope(0.01).inplace(true)));
    }
    register_module("layers", layers);
  }
  Tensor forward(const Tensor& x) { return layers->forward(x); }
};

/// A U-Net of `depth` halvings, `base` channels at full size.
template <int N>
struct UNet : nn::Module {
  std::vector<std::shared_ptr<TwiceImpl<N>>> down, up;
  std::vector<nn::AnyModule> enlarge;
  std::shared_ptr<TwiceImpl<N>> middle;
  nn::AnyModule last;
  UNet(int in, int classes, int base, int depth) {
    int c = in;
    for (int i = 0; i < depth; ++i) {
      down.push_back(
          register_module("down" + std::to_string(i), std::make_shared<TwiceImpl<N>>(c, base << i)));
      c = base << i;
    }
    middle = register_module("middle", std::make_shared<TwiceImpl<N>>(c, base << depth));
    for (int i = depth - 1; i >= 0; --i) {
      const std::string name = "enlarge" + std::to_string(i);
      if constexpr (N == 2)
        enlarge.emplace_back(register_module(
            name, nn::ConvTranspose2d(nn::ConvTranspose2dOptions(base << (i + 1), base << i, 2).stride(2))));
      else
        enlarge.emplace_back(register_module(
            name, nn::ConvTranspose3d(nn::ConvTranspose3dOptions(base << (i + 1), base << i, 2).stride(2))));
      up.push_back(register_module("up" + std::to_string(i),
                                   std::make_shared<TwiceImpl<N>>(base << (i + 1), base << i)));
    }
    if constexpr (N == 2)
      last = nn::AnyModule(register_module("last", nn::Conv2d(nn::Conv2dOptions(base, classes, 1))));
    else
      last = nn::AnyModule(register_module("last", nn::Conv3d(nn::Conv3dOptions(base, classes, 1))));
  }
  Tensor forward(Tensor x) {
    std::vector<Tensor> kept;
    for (auto& d : down) {
      x = d->forward(x);
      kept.push_back(x);
      if constexpr (N == 2)
        x = torch::max_pool2d(x, 2);
      else
        x = torch::max_pool3d(x, 2);
    }
    x = middle->forward(x);
    for (std::size_t i = 0; i < up.size(); ++i) {
      x = enlarge[i].forward(x);
      x = up[i]->forward(torch::cat({kept.back(), x}, 1));
      kept.pop_back();
    }
    return last.forward(x);
  }
};

/// Soft Dice over the classes.
inline Tensor dice(const Tensor& scores, const Tensor& labels) {
  const Tensor p = torch::softmax(scores, 1);
  const Tensor truth = torch::zeros_like(p).scatter_(1, labels.unsqueeze(1), 1.0);
  std::vector<std::int64_t> space;
  for (std::int64_t i = 2; i < scores.dim(); ++i) space.push_back(i);
  const Tensor both = (p * truth).sum(space), all = p.sum(space) + truth.sum(space);
  return 1 - ((2 * both + 1) / (all + 1)).mean();
}

template <int N>
meta::ModuleStep unet_step(int base, int depth, std::int64_t side, std::int64_t batch,
                           torch::Device device = torch::kCPU) {
  auto net = std::make_shared<UNet<N>>(1, 4, base, depth);
  net->to(device);
  auto adam = std::make_shared<torch::optim::Adam>(net->parameters(), torch::optim::AdamOptions(1e-3));
  std::vector<std::int64_t> image{batch, 1}, label{batch};
  for (int i = 0; i < N; ++i) image.push_back(side), label.push_back(side);
  const Tensor x = torch::randn(image, device),
               y = torch::randint(0, 4, label, torch::TensorOptions(device).dtype(torch::kLong));
  return {net->parameters(), [=] {
            adam->zero_grad();
            const Tensor scores = net->forward(x);
            (torch::nn::functional::cross_entropy(scores, y) + dice(scores, y)).backward();
            adam->step();
          }};
}

/// Mixes over patches, then over channels (Tolstikhin et al. 2021).
struct Mixer : nn::Module {
  struct Block {
    nn::LayerNorm before{nullptr}, between{nullptr};
    nn::Linear patch_in{nullptr}, patch_out{nullptr}, channel_in{nullptr}, channel_out{nullptr};
  };
  nn::Conv2d cut{nullptr};
  std::vector<Block> blocks;
  nn::LayerNorm after{nullptr};
  nn::Linear head{nullptr};
  Mixer(int side, int patch, int width, int depth, int classes) {
    const int patches = (side / patch) * (side / patch);
    cut = register_module("cut", nn::Conv2d(nn::Conv2dOptions(3, width, patch).stride(patch)));
    for (int i = 0; i < depth; ++i) {
      const std::string n = std::to_string(i);
      Block b;
      b.before = register_module("before" + n, nn::LayerNorm(nn::LayerNormOptions({width})));
      b.between = register_module("between" + n, nn::LayerNorm(nn::LayerNormOptions({width})));
      b.patch_in = register_module("patch_in" + n, nn::Linear(patches, 2 * patches));
      b.patch_out = register_module("patch_out" + n, nn::Linear(2 * patches, patches));
      b.channel_in = register_module("channel_in" + n, nn::Linear(width, 4 * width));
      b.channel_out = register_module("channel_out" + n, nn::Linear(4 * width, width));
      blocks.push_back(b);
    }
    after = register_module("after", nn::LayerNorm(nn::LayerNormOptions({width})));
    head = register_module("head", nn::Linear(width, classes));
  }
  Tensor forward(Tensor x) {
    x = cut(x).flatten(2).transpose(1, 2);
    for (auto& b : blocks) {
      const Tensor t = b.before(x).transpose(1, 2);
      x = x + b.patch_out(torch::gelu(b.patch_in(t))).transpose(1, 2);
      x = x + b.channel_out(torch::gelu(b.channel_in(b.between(x))));
    }
    return head(after(x).mean(1));
  }
};

/// A small residual network, with batch norm.
struct Residual : nn::Module {
  struct Block {
    nn::Conv2d a{nullptr}, b{nullptr}, side{nullptr};
    nn::BatchNorm2d na{nullptr}, nb{nullptr};
  };
  nn::Conv2d first{nullptr};
  std::vector<Block> blocks;
  nn::Linear head{nullptr};
  Residual(int width, int stages, int classes) {
    const auto conv = [](int in, int out, int size, int stride) {
      return nn::Conv2d(nn::Conv2dOptions(in, out, size).stride(stride).padding(size / 2).bias(false));
    };
    first = register_module("first", conv(3, width, 3, 1));
    for (int s = 0; s < stages; ++s)
      for (int k = 0; k < 2; ++k) {
        const std::string n = std::to_string(s) + "_" + std::to_string(k);
        const bool halve = k == 0 && s > 0;
        const int out = width << s, in = halve ? out / 2 : out;
        Block b;
        b.a = register_module("a" + n, conv(in, out, 3, halve ? 2 : 1));
        b.b = register_module("b" + n, conv(out, out, 3, 1));
        b.na = register_module("na" + n, nn::BatchNorm2d(out));
        b.nb = register_module("nb" + n, nn::BatchNorm2d(out));
        if (halve) b.side = register_module("side" + n, conv(in, out, 1, 2));
        blocks.push_back(b);
      }
    head = register_module("head", nn::Linear(width << (stages - 1), classes));
  }
  Tensor forward(Tensor x) {
    x = torch::relu(first(x));
    for (auto& b : blocks) {
      const Tensor y = b.nb(b.b(torch::relu(b.na(b.a(x)))));
      x = torch::relu(y + (b.side.is_empty() ? x : b.side(x)));
    }
    return head(torch::adaptive_avg_pool2d(x, {1, 1}).flatten(1));
  }
};

template <class Net>
meta::ModuleStep classifier_step(std::shared_ptr<Net> net, std::int64_t side, std::int64_t batch,
                                 int classes) {
  auto sgd =
      std::make_shared<torch::optim::SGD>(net->parameters(), torch::optim::SGDOptions(0.1).momentum(0.9));
  const Tensor x = torch::randn({batch, 3, side, side}),
               y = torch::randint(0, classes, {batch}, torch::kLong);
  return {net->parameters(), [=] {
            sgd->zero_grad();
            torch::nn::functional::cross_entropy(net->forward(x), y).backward();
            sgd->step();
          }};
}

}  // namespace troupe::test
