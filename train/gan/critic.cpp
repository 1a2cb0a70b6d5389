#include "train/gan/critic.hpp"

#include <string>
#include <utility>

#include "train/gan/kernels.hpp"

namespace troupe::gan {

namespace {
std::string name(int size, const char* what) { return std::to_string(size) + "." + what; }
std::int64_t per_image(const at::Tensor& t) { return t.numel() / t.size(0); }
}  // namespace

Critic::Critic(const NetShape& shape, const ParamTable& table, int phase)
    : size_(shape.resolution(phase)),
      channels_(shape.image_channels),
      width_(shape.width(size_)),
      last_width_(shape.width(4)),
      dense_width_(shape.dense_width()),
      heads_(shape.heads()) {
  const auto layer = [&](const std::string& base, Kernel kind, int in, int out) {
    return Layer{{kind, in, out}, &table.at(base + ".weight"), &table.at(base + ".bias")};
  };
  for (int r = size_; r > 4; r /= 2)
    blocks_.push_back({r, layer(name(r, "conv"), Kernel::plain, shape.width(r), shape.width(r)),
                       layer(name(r, "down"), Kernel::down, shape.width(r), shape.width(r / 2))});
  last_ = layer("4.conv", Kernel::plain, last_width_, last_width_);
  rgb_ = &table.at(name(size_, "rgb.weight"));
  rgb_bias_ = &table.at(name(size_, "rgb.bias"));
  if (phase > 0) {
    low_width_ = shape.width(size_ / 2);
    low_ = &table.at(name(size_ / 2, "rgb.weight"));
    low_bias_ = &table.at(name(size_ / 2, "rgb.bias"));
  }
  deviation_ = &table.at("4.deviation.weight");
  dense_ = &table.at("4.dense.weight");
  dense_bias_ = &table.at("4.dense.bias");
  head_ = &table.at("4.head.weight");
  head_bias_ = &table.at("4.head.bias");
}

const at::Tensor& Critic::input(const CriticPass& pass, std::size_t block) const {
  if (block == 0) return pass.h;
  return block == 1 && pass.mix.defined() ? pass.mix : pass.down[block - 1];
}

CriticPass Critic::forward(const float* w, at::Tensor images, std::int64_t n, std::int64_t group,
                           float alpha) const {
  CriticPass pass;
  pass.n = n;
  pass.group = group;
  pass.alpha = alpha;
  pass.x = std::move(images);
  const std::int64_t pixels = n * size_ * size_;
  pass.h = features(n, width_, size_);
  image_to_features(data(pass.h), data(pass.x), w + rgb_->effective, w + rgb_bias_->effective, pixels,
                    channels_, width_);
  const bool fading = alpha < 1 && low_ != nullptr;
  if (fading) {
    pass.x_low = at::empty({n, size_ / 2, size_ / 2, channels_});
    pool(data(pass.x_low), data(pass.x), n, size_, channels_);
    pass.h_low = features(n, low_width_, size_ / 2);
    image_to_features(data(pass.h_low), data(pass.x_low), w + low_->effective, w + low_bias_->effective,
                      pixels / 4, channels_, low_width_);
  }
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& b = blocks_[i];
    const std::int64_t here = n * b.size * b.size;
    pass.conv.push_back(
        gan::forward(b.conv.conv, input(pass, i), weight_view(b.conv.conv, w + b.conv.weight->effective)));
    bias_act(data(pass.conv[i]), w + b.conv.bias->effective, here, b.conv.conv.out);
    pass.down.push_back(
        gan::forward(b.down.conv, pass.conv[i], weight_view(b.down.conv, w + b.down.weight->effective)));
    bias_act(data(pass.down[i]), w + b.down.bias->effective, here / 4, b.down.conv.out);
    if (i == 0 && fading) {
      pass.mix = features(n, low_width_, size_ / 2);
      blend(data(pass.mix), data(pass.down[0]), alpha, data(pass.h_low), 1 - alpha, pass.mix.numel());
    }
  }
  forward_last(w, pass);
  return pass;
}

void Critic::forward_last(const float* w, CriticPass& pass) const {
  const at::Tensor& in = input(pass, blocks_.size());
  const std::int64_t per_group = pass.group * 16 * last_width_;
  pass.last = gan::forward(last_.conv, in, weight_view(last_.conv, w + last_.weight->effective));
  for (std::int64_t g = 0; g < pass.n / pass.group; ++g) {
    pass.deviation.push_back(gan::deviation(data(in) + g * per_group, pass.group, 16 * last_width_));
    add_constant_channel(data(pass.last) + g * per_group, w + deviation_->effective, pass.deviation.back(),
                         pass.group, last_width_);
  }
  bias_act(data(pass.last), w + last_.bias->effective, pass.n * 16, last_width_);
  pass.dense =
      times_transposed(data(pass.last), w + dense_->effective, pass.n, dense_width_, 16 * last_width_);
  bias_act(data(pass.dense), w + dense_bias_->effective, pass.n, dense_width_);
  pass.out = times_transposed(data(pass.dense), w + head_->effective, pass.n, heads_, dense_width_);
  float* out = data(pass.out);
  for (std::int64_t i = 0; i < pass.n * heads_; ++i)
    out[i] += w[head_bias_->effective + static_cast<std::size_t>(i % heads_)];
}

void Critic::linear(const float* w, CriticPass& pass, const at::Tensor& v, std::int64_t from) const {
  const std::int64_t n = pass.n - from, pixels = n * size_ * size_;
  const auto tail = [&](const at::Tensor& t) { return t.narrow(0, from, n); };
  at::Tensor x = tail(pass.x), h = tail(pass.h);
  scaled_copy(data(x), data(v), 1, v.numel());
  act_linear_wide(data(h), data(v), w + rgb_->effective, pixels, channels_, width_);
  if (pass.mix.defined()) {
    at::Tensor x_low = tail(pass.x_low), h_low = tail(pass.h_low);
    pool(data(x_low), data(v), n, size_, channels_);
    act_linear_wide(data(h_low), data(x_low), w + low_->effective, pixels / 4, channels_, low_width_);
  }
  const auto through = [&](const Layer& layer, const at::Tensor& in, const at::Tensor& out) {
    const at::Tensor t =
        gan::forward(layer.conv, tail(in), weight_view(layer.conv, w + layer.weight->effective));
    act_linear(data(tail(out)), data(t), t.numel());
  };
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    through(blocks_[i].conv, input(pass, i), pass.conv[i]);
    through(blocks_[i].down, pass.conv[i], pass.down[i]);
    if (i == 0 && pass.mix.defined())
      blend(data(tail(pass.mix)), data(tail(pass.down[0])), pass.alpha, data(tail(pass.h_low)),
            1 - pass.alpha, n * per_image(pass.mix));
  }
  through(last_, input(pass, blocks_.size()), pass.last);
  const at::Tensor t =
      times_transposed(data(tail(pass.last)), w + dense_->effective, n, dense_width_, 16 * last_width_);
  act_linear(data(tail(pass.dense)), data(t), t.numel());
}

}  // namespace troupe::gan
