#include "train/gan/device/generator.hpp"

#include <ATen/ATen.h>

#include <string>

namespace troupe::gan {

using namespace device;

DeviceGenerator::DeviceGenerator(const NetShape& shape, const ParamTable& table, int phase,
                                 const DeviceOptions& options)
    : size_(shape.resolution(phase)), options_(options), table_(table, phase, options) {
  const auto param = [&](int r, const char* what) { return &table.at(std::to_string(r) + "." + what); };
  dense_ = param(4, "dense.weight");
  dense_bias_ = param(4, "dense.bias");
  layers_.push_back({Kernel::plain, param(4, "conv.weight"), param(4, "conv.bias")});
  for (int r = 8; r <= size_; r *= 2) {
    layers_.push_back({Kernel::up, param(r, "up.weight"), param(r, "up.bias")});
    layers_.push_back({Kernel::plain, param(r, "conv.weight"), param(r, "conv.bias")});
  }
  rgb_ = {param(size_, "rgb.weight"), param(size_, "rgb.bias")};
  if (phase > 0) low_ = {param(size_ / 2, "rgb.weight"), param(size_ / 2, "rgb.bias")};
}

at::Tensor DeviceGenerator::image(const DeviceWeights& w, const ToImage& to,
                                  const at::Tensor& features) const {
  const at::Tensor& weight = w.at(to.weight);  // [image channel, feature]
  return convolve(Kernel::plain, features, weight.view({weight.size(0), weight.size(1), 1, 1}), w.at(to.bias),
                  options_)
      .to(at::kFloat);
}

DeviceFakes DeviceGenerator::forward(const DeviceWeights& w, const at::Tensor& latent,
                                     const at::Tensor& alpha) const {
  DeviceFakes f;
  f.latent = at::mul(latent, at::rsqrt(at::mean(at::square(latent), {1}, true) + 1e-8)).to(options_.compute);
  const at::Tensor first = pixels(at::mm(f.latent, w.at(dense_).t()), 4, options_);
  f.layers.push_back(act_norm(first + w.at(dense_bias_).view({1, -1, 1, 1})));
  for (const Layer& layer : layers_)
    f.layers.push_back(
        act_norm(convolve(layer.kernel, f.layers.back().y, w.at(layer.weight), w.at(layer.bias), options_)));
  f.image = image(w, rgb_, f.layers.back().y);
  if (alpha.defined())
    f.image = at::lerp(up(image(w, low_, f.layers[f.layers.size() - 3].y)), f.image, alpha);
  return f;
}

at::Tensor DeviceGenerator::image_backward(const DeviceWeights& w, const ToImage& to,
                                           const at::Tensor& features, const at::Tensor& d_image,
                                           at::Tensor& gradient) const {
  const at::Tensor weight = w.at(to.weight).view({d_image.size(1), -1, 1, 1});
  const at::Tensor d = d_image.to(options_.compute).contiguous(options_.format());
  table_.write(gradient, to.weight, convolve_to_weight(Kernel::plain, d, features, weight).flatten(1));
  table_.write(gradient, to.bias, channel_sum(d_image));
  return convolve_to_input(Kernel::plain, d, features, weight, options_);
}

void DeviceGenerator::backward(const DeviceWeights& w, const DeviceFakes& f, const at::Tensor& alpha,
                               const at::Tensor& d_image, at::Tensor& gradient) const {
  gradient.zero_();
  at::Tensor d = image_backward(w, rgb_, f.layers.back().y,
                                alpha.defined() ? at::mul(d_image, alpha) : d_image, gradient);
  for (std::size_t i = layers_.size(); i > 0; --i) {
    const Layer& layer = layers_[i - 1];
    const at::Tensor& in = f.layers[i - 1].y;
    const at::Tensor here = act_norm_backward(d, f.layers[i]);
    table_.write(gradient, layer.bias, channel_sum(here));
    table_.write(gradient, layer.weight, convolve_to_weight(layer.kernel, here, in, w.at(layer.weight)));
    d = convolve_to_input(layer.kernel, here, in, w.at(layer.weight), options_);
    if (alpha.defined() && i + 1 == layers_.size()) {
      const at::Tensor d_low = at::mul(down(d_image), (1 - alpha) * 4);  // the sum over 2x2
      d = d + image_backward(w, low_, in, d_low, gradient);
    }
  }
  const at::Tensor here = act_norm_backward(d, f.layers.front());
  table_.write(gradient, dense_bias_, channel_sum(here));
  table_.write(gradient, dense_, at::mm(rows(here).t(), f.latent));
  table_.finish(gradient);
}

}  // namespace troupe::gan
