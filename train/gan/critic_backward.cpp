#include <algorithm>
#include <utility>

#include "train/gan/critic.hpp"
#include "train/gan/kernels.hpp"

namespace troupe::gan {

void Critic::write(const Param* param, const at::Tensor& effective_gradient, float* gradient) const {
  gradient_to_raw(*param, data(effective_gradient), gradient + param->offset);
}

void Critic::act_back(at::Tensor& d, const at::Tensor& a, float scale, const Param* bias,
                      const CriticPass& pass, const Backward& what) const {
  const std::int64_t C = d.size(1), rows = d.numel() / C, weighted = rows / pass.n * what.weighted;
  if (weighted > 0) {
    float* db = what.gradient + bias->offset;
    std::fill_n(db, C, 0.0F);
    act_backward(data(d), data(a), scale, db, weighted, C);
  }
  if (weighted < rows)
    act_backward(data(d) + weighted * C, data(a) + weighted * C, scale, nullptr, rows - weighted, C);
}

at::Tensor Critic::backward_last(const float* w, CriticPass& pass, const Backward& what) const {
  const std::int64_t n = pass.n, features4 = 16 * last_width_;
  if (what.gradient != nullptr) {
    float* db = what.gradient + head_bias_->offset;
    std::fill_n(db, heads_, 0.0F);
    column_sum(db, data(pass.d_out), what.weighted, heads_);
  }
  pass.d_dense = times(data(pass.d_out), w + head_->effective, n, dense_width_, heads_);
  act_back(pass.d_dense, pass.dense, 1, dense_bias_, pass, what);
  pass.d_last = times(data(pass.d_dense), w + dense_->effective, n, features4, dense_width_)
                    .view({n, 4, 4, last_width_})
                    .permute({0, 3, 1, 2});
  act_back(pass.d_last, pass.last, 1, last_.bias, pass, what);
  const at::Tensor& in = input(pass, blocks_.size());
  at::Tensor d =
      backward_data(last_.conv, pass.d_last, in, weight_view(last_.conv, w + last_.weight->effective));
  std::vector<float> taps(deviation_->count, 0.0F);
  for (std::int64_t g = 0; g < what.deviation_groups; ++g) {
    const std::int64_t at = g * pass.group * features4;
    const float ds =
        constant_channel_backward(taps.data(), data(pass.d_last) + at, w + deviation_->effective,
                                  pass.deviation[static_cast<std::size_t>(g)], pass.group, last_width_);
    deviation_backward(data(d) + at, data(in) + at, ds, pass.group, features4);
  }
  if (what.gradient != nullptr) gradient_to_raw(*deviation_, taps.data(), what.gradient + deviation_->offset);
  return d;
}

at::Tensor Critic::backward(const float* w, CriticPass& pass, const Backward& what) const {
  const bool fading = pass.mix.defined();
  at::Tensor d = backward_last(w, pass, what);
  pass.d_conv.resize(blocks_.size());
  pass.d_down.resize(blocks_.size());
  for (std::size_t i = blocks_.size(); i-- > 0;) {
    const Block& b = blocks_[i];
    float scale = 1;
    if (i == 0 && fading) {
      pass.d_h_low = at::empty_like(d);
      scaled_copy(data(pass.d_h_low), data(d), 1, d.numel());
      act_back(pass.d_h_low, pass.h_low, 1 - pass.alpha, low_bias_, pass, what);
      scale = pass.alpha;
    }
    act_back(d, pass.down[i], scale, b.down.bias, pass, what);
    pass.d_down[i] = std::move(d);
    d = backward_data(b.down.conv, pass.d_down[i], pass.conv[i],
                      weight_view(b.down.conv, w + b.down.weight->effective));
    act_back(d, pass.conv[i], 1, b.conv.bias, pass, what);
    pass.d_conv[i] = std::move(d);
    d = backward_data(b.conv.conv, pass.d_conv[i], input(pass, i),
                      weight_view(b.conv.conv, w + b.conv.weight->effective));
  }
  act_back(d, pass.h, 1, rgb_bias_, pass, what);
  pass.d_h = std::move(d);

  const std::int64_t n = pass.n - what.image_from, pixels = n * size_ * size_;
  at::Tensor image = at::empty({n, size_, size_, channels_});
  features_to_image(data(image), data(pass.d_h.narrow(0, what.image_from, n)), w + rgb_->effective, nullptr,
                    1, pixels, channels_, width_);
  if (fading) {
    const at::Tensor low = at::empty({n, size_ / 2, size_ / 2, channels_});
    features_to_image(data(low), data(pass.d_h_low.narrow(0, what.image_from, n)), w + low_->effective,
                      nullptr, 1, pixels / 4, channels_, low_width_);
    blend_up(data(image), 1, data(low), 0.25F, n, size_, channels_);
  }
  return image;
}

void Critic::weight_gradient(int part, const float* w, const CriticPass& pass, float* gradient) const {
  const auto layer = [&](const Layer& l, const at::Tensor& d, const at::Tensor& in) {
    write(l.weight, backward_weight(l.conv, d, in, weight_view(l.conv, w + l.weight->effective)), gradient);
  };
  // the largest first: what is left to share at the end is small
  const std::size_t block = static_cast<std::size_t>(part) / 2;
  if (block < blocks_.size()) {
    if (part % 2 == 0) return layer(blocks_[block].conv, pass.d_conv[block], input(pass, block));
    return layer(blocks_[block].down, pass.d_down[block], pass.conv[block]);
  }
  switch (static_cast<std::size_t>(part) - 2 * blocks_.size()) {
    case 0:
      return layer(last_, pass.d_last, input(pass, blocks_.size()));
    case 1:
      return dense_gradients(pass, gradient);
    default:
      return image_gradients(pass, gradient);
  }
}

std::vector<const Param*> Critic::written_by(int part) const {
  const std::size_t block = static_cast<std::size_t>(part) / 2;
  if (block < blocks_.size())
    return {part % 2 == 0 ? blocks_[block].conv.weight : blocks_[block].down.weight};
  switch (static_cast<std::size_t>(part) - 2 * blocks_.size()) {
    case 0:
      return {last_.weight};
    case 1:
      return {head_, dense_};
    default:
      if (low_ == nullptr) return {rgb_};
      return {rgb_, low_, low_bias_};  // zeros where nothing fades
  }
}

void Critic::dense_gradients(const CriticPass& pass, float* gradient) const {
  const at::Tensor head = at::empty({heads_, dense_width_});
  transposed_times(data(head), data(pass.d_out), data(pass.dense), heads_, dense_width_, pass.n);
  write(head_, head, gradient);
  const at::Tensor dense = at::empty({dense_width_, 16 * last_width_});
  transposed_times(data(dense), data(pass.d_dense), data(pass.last), dense_width_, 16 * last_width_, pass.n);
  write(dense_, dense, gradient);
}

void Critic::image_gradients(const CriticPass& pass, float* gradient) const {
  const std::int64_t pixels = pass.n * size_ * size_;
  outer_sum(gradient + rgb_->offset, data(pass.x), data(pass.d_h), rgb_->scale, pixels, channels_, width_);
  if (pass.mix.defined()) {
    outer_sum(gradient + low_->offset, data(pass.x_low), data(pass.d_h_low), low_->scale, pixels / 4,
              channels_, low_width_);
  } else if (low_ != nullptr) {
    std::fill_n(gradient + low_->offset, low_->count, 0.0F);
    std::fill_n(gradient + low_bias_->offset, low_bias_->count, 0.0F);
  }
}

}  // namespace troupe::gan
