#include "train/gan/generator.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "train/gan/kernels.hpp"

namespace troupe::gan {

Generator::Generator(const NetShape& shape, const ParamTable& table, int phase)
    : size_(shape.resolution(phase)),
      channels_(shape.image_channels),
      latent_(shape.latent),
      width_(shape.width(size_)),
      first_width_(shape.width(4)) {
  const auto param = [&](int r, const char* what) { return &table.at(std::to_string(r) + "." + what); };
  dense_ = param(4, "dense.weight");
  dense_bias_ = param(4, "dense.bias");
  layers_.push_back(
      {{Kernel::plain, first_width_, first_width_}, param(4, "conv.weight"), param(4, "conv.bias"), 4});
  for (int r = 8; r <= size_; r *= 2) {
    const int c = shape.width(r);
    layers_.push_back({{Kernel::up, shape.width(r / 2), c}, param(r, "up.weight"), param(r, "up.bias"), r});
    layers_.push_back({{Kernel::plain, c, c}, param(r, "conv.weight"), param(r, "conv.bias"), r});
  }
  rgb_ = param(size_, "rgb.weight");
  rgb_bias_ = param(size_, "rgb.bias");
  if (phase > 0) {
    low_width_ = shape.width(size_ / 2);
    low_ = param(size_ / 2, "rgb.weight");
    low_bias_ = param(size_ / 2, "rgb.bias");
  }
}

GeneratorPass Generator::forward(const float* w, at::Tensor latent, float alpha) const {
  GeneratorPass pass;
  const std::int64_t n = latent.size(0);
  pass.n = n;
  pass.alpha = low_ == nullptr ? 1 : alpha;
  float* z = data(latent);
  for (std::int64_t i = 0; i < n; ++i, z += latent_) {
    const auto mean = static_cast<float>(square_sum(z, latent_) / latent_);
    rescale(z, 1.0F / std::sqrt(mean + 1e-8F), latent_);
  }
  pass.latent = std::move(latent);
  const auto finish = [&](at::Tensor y, const Param* bias, std::int64_t pixels, std::int64_t C) {
    at::Tensor r = at::empty({pixels});
    bias_act_norm(data(y), w + bias->effective, data(r), pixels, C);
    pass.y.push_back(std::move(y));
    pass.r.push_back(std::move(r));
  };
  finish(times_transposed(data(pass.latent), w + dense_->effective, n, 16 * first_width_, latent_)
             .view({n, 4, 4, first_width_})
             .permute({0, 3, 1, 2}),
         dense_bias_, n * 16, first_width_);
  for (const Layer& layer : layers_)
    finish(gan::forward(layer.conv, pass.y.back(), weight_view(layer.conv, w + layer.weight->effective)),
           layer.bias, n * layer.size * layer.size, layer.conv.out);
  image_forward(w, pass);
  return pass;
}

void Generator::image_forward(const float* w, GeneratorPass& pass) const {
  const std::int64_t n = pass.n, pixels = n * size_ * size_;
  pass.image = at::empty({n, size_, size_, channels_});
  features_to_image(data(pass.image), data(pass.y.back()), w + rgb_->effective, w + rgb_bias_->effective, 1,
                    pixels, channels_, width_);
  if (pass.alpha >= 1) return;
  const at::Tensor low = at::empty({n, size_ / 2, size_ / 2, channels_});
  features_to_image(data(low), data(pass.y[pass.y.size() - 3]), w + low_->effective, w + low_bias_->effective,
                    1, pixels / 4, channels_, low_width_);
  blend_up(data(pass.image), pass.alpha, data(low), 1 - pass.alpha, n, size_, channels_);
}

at::Tensor Generator::image_backward(const float* w, const GeneratorPass& pass, const at::Tensor& d_image,
                                     float* gradient) const {
  const std::int64_t pixels = pass.n * size_ * size_;
  at::Tensor d_rgb = d_image;
  if (pass.alpha < 1) {
    d_rgb = at::empty_like(d_image);
    scaled_copy(data(d_rgb), data(d_image), pass.alpha, d_image.numel());
  }
  outer_sum(gradient + rgb_->offset, data(d_rgb), data(pass.y.back()), rgb_->scale, pixels, channels_,
            width_);
  std::fill_n(gradient + rgb_bias_->offset, channels_, 0.0F);
  column_sum(gradient + rgb_bias_->offset, data(d_rgb), pixels, channels_);
  at::Tensor d = features(pass.n, width_, size_);
  spread(data(d), data(d_rgb), w + rgb_->effective, false, pixels, channels_, width_);
  return d;
}

void Generator::low_image_backward(const float* w, const GeneratorPass& pass, const at::Tensor& d_image,
                                   at::Tensor& d, float* gradient) const {
  std::fill_n(gradient + low_->offset, low_->count, 0.0F);
  std::fill_n(gradient + low_bias_->offset, low_bias_->count, 0.0F);
  if (pass.alpha >= 1) return;
  const std::int64_t pixels = pass.n * size_ * size_ / 4;
  const at::Tensor d_low = at::empty({pass.n, size_ / 2, size_ / 2, channels_});
  sum_down(data(d_low), data(d_image), 1 - pass.alpha, pass.n, size_, channels_);
  outer_sum(gradient + low_->offset, data(d_low), data(pass.y[pass.y.size() - 3]), low_->scale, pixels,
            channels_, low_width_);
  column_sum(gradient + low_bias_->offset, data(d_low), pixels, channels_);
  spread(data(d), data(d_low), w + low_->effective, true, pixels, channels_, low_width_);
}

void Generator::backward(const float* w, GeneratorPass& pass, const at::Tensor& d_image,
                         float* gradient) const {
  at::Tensor d = image_backward(w, pass, d_image, gradient);
  pass.d.resize(layers_.size() + 1);
  const auto through = [&](std::size_t i, const Param* bias, std::int64_t pixels, std::int64_t C) {
    float* db = gradient + bias->offset;
    std::fill_n(db, C, 0.0F);
    norm_act_backward(data(d), data(pass.y[i]), data(pass.r[i]), db, pixels, C);
    pass.d[i] = std::move(d);
  };
  for (std::size_t i = layers_.size(); i-- > 0;) {
    const Layer& layer = layers_[i];
    through(i + 1, layer.bias, pass.n * layer.size * layer.size, layer.conv.out);
    d = backward_data(layer.conv, pass.d[i + 1], pass.y[i],
                      weight_view(layer.conv, w + layer.weight->effective));
    if (low_ != nullptr && i + 2 == layers_.size()) low_image_backward(w, pass, d_image, d, gradient);
  }
  through(0, dense_bias_, pass.n * 16, first_width_);
}

void Generator::weight_gradient(int part, const float* w, const GeneratorPass& pass, float* gradient) const {
  // the largest first: what is left to share at the end is small
  const std::size_t i = layers_.size() - static_cast<std::size_t>(part);
  if (i == 0) {
    const at::Tensor dw = at::empty({16 * first_width_, latent_});
    transposed_times(data(dw), data(pass.d[0]), data(pass.latent), 16 * first_width_, latent_, pass.n);
    return gradient_to_raw(*dense_, data(dw), gradient + dense_->offset);
  }
  const Layer& layer = layers_[i - 1];
  const at::Tensor dw = backward_weight(layer.conv, pass.d[i], pass.y[i - 1],
                                        weight_view(layer.conv, w + layer.weight->effective));
  gradient_to_raw(*layer.weight, data(dw), gradient + layer.weight->offset);
}

std::vector<const Param*> Generator::written_by(int part) const {
  const std::size_t i = layers_.size() - static_cast<std::size_t>(part);
  return {i == 0 ? dense_ : layers_[i - 1].weight};
}

}  // namespace troupe::gan
