#include "train/gan/device/critic.hpp"

#include <ATen/ATen.h>

#include <string>

namespace troupe::gan {

using namespace device;

DeviceCritic::DeviceCritic(const NetShape& shape, const ParamTable& table, int phase,
                           const DeviceOptions& options)
    : size_(shape.resolution(phase)),
      heads_(shape.heads()),
      options_(options),
      table_(table, phase, options),
      constant_(options) {
  const auto layer = [&](int r, const char* what, Kernel kernel) {
    const std::string name = std::to_string(r) + "." + what;
    return Layer{kernel, &table.at(name + ".weight"), &table.at(name + ".bias")};
  };
  for (int r = size_; r > 4; r /= 2)
    blocks_.push_back({layer(r, "conv", Kernel::plain), layer(r, "down", Kernel::down)});
  last_ = layer(4, "conv", Kernel::plain);
  rgb_ = layer(size_, "rgb", Kernel::plain);
  if (phase > 0) low_ = layer(size_ / 2, "rgb", Kernel::plain);
  deviation_ = &table.at("4.deviation.weight");
  dense_ = &table.at("4.dense.weight");
  dense_bias_ = &table.at("4.dense.bias");
  head_ = &table.at("4.head.weight");
  head_bias_ = &table.at("4.head.bias");
}

const at::Tensor& DeviceCritic::input(const DevicePass& pass, std::size_t block) const {
  if (block == 0) return pass.h;
  return block == 1 && pass.alpha.defined() ? pass.mix : pass.down[block - 1];
}

at::Tensor DeviceCritic::from_image(const DeviceWeights& w, const Layer& layer) const {
  const at::Tensor& weight = w.at(layer.weight);  // [image channel, feature]
  return weight.t().reshape({weight.size(1), weight.size(0), 1, 1}).contiguous(options_.format());
}

DevicePass DeviceCritic::forward(const DeviceWeights& w, const at::Tensor& images, std::int64_t group,
                                 const at::Tensor& alpha) const {
  DevicePass pass;
  pass.alpha = alpha;
  pass.x = images.to(options_.compute).contiguous(options_.format());
  const auto through = [&](const Layer& l, const at::Tensor& in, const at::Tensor& weight) {
    at::Tensor y = convolve(l.kernel, in, weight, w.at(l.bias), options_);
    act_(y);
    return y;
  };
  pass.h = through(rgb_, pass.x, from_image(w, rgb_));
  if (alpha.defined()) {
    pass.x_low = down(images).to(options_.compute).contiguous(options_.format());
    pass.h_low = through(low_, pass.x_low, from_image(w, low_));
  }
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const Block& b = blocks_[i];
    pass.conv.push_back(through(b.conv, input(pass, i), w.at(b.conv.weight)));
    pass.down.push_back(through(b.down, pass.conv[i], w.at(b.down.weight)));
    if (i == 0 && alpha.defined()) pass.mix = at::lerp(pass.h_low, pass.down[0], alpha.to(options_.compute));
  }
  forward_last(w, pass, group);
  return pass;
}

void DeviceCritic::forward_last(const DeviceWeights& w, DevicePass& pass, std::int64_t group) const {
  const at::Tensor& in = input(pass, blocks_.size());
  const std::int64_t n = in.size(0);
  pass.deviation = deviation(in, group);
  const at::Tensor each = pass.deviation.mean.view({-1, 1}).expand({n / group, group}).reshape({n, 1, 1, 1});
  const at::Tensor constant = at::mul(each, constant_.through(w.exact(deviation_)).unsqueeze(0));
  pass.last = convolve(last_.kernel, in, w.at(last_.weight), w.at(last_.bias), options_);
  pass.last.add_(constant);
  act_(pass.last);
  pass.dense = at::addmm(w.at(dense_bias_), rows(pass.last), w.at(dense_).t());
  act_(pass.dense);
  pass.out = at::addmm(w.exact(head_bias_), pass.dense.to(at::kFloat), w.exact(head_).t());
}

at::Tensor DeviceCritic::back(const at::Tensor& d, const at::Tensor& a, const Param* bias,
                              const Backward& what, at::Tensor& gradient) const {
  const at::Tensor here = device::act_backward(d, a);
  if (gradient.defined()) {
    const at::Tensor weighted = here.narrow(0, 0, what.weighted);
    table_.write(gradient, bias,
                 here.dim() == 4 ? channel_sum(weighted) : at::sum(weighted, {0}, false, at::kFloat));
  }
  return here;
}

at::Tensor DeviceCritic::backward_last(const DeviceWeights& w, DevicePass& pass, const Backward& what,
                                       at::Tensor& gradient) const {
  const at::Tensor& in = input(pass, blocks_.size());
  if (gradient.defined())
    table_.write(gradient, head_bias_, at::sum(pass.d_out.narrow(0, 0, what.weighted), {0}));
  const at::Tensor to_dense = at::mm(pass.d_out, w.exact(head_)).to(options_.compute);
  pass.d_dense = back(to_dense, pass.dense, dense_bias_, what, gradient);
  pass.d_last =
      back(pixels(at::mm(pass.d_dense, w.at(dense_)), 4, options_), pass.last, last_.bias, what, gradient);
  at::Tensor d = convolve_to_input(last_.kernel, pass.d_last, in, w.at(last_.weight), options_);
  const std::int64_t groups = what.deviation_groups, group = pass.deviation.centred.size(1);
  if (groups == 0) return d;
  const at::Tensor of_groups = at::sum(
      pass.d_last.narrow(0, 0, groups * group).to(at::kFloat).reshape({groups, group, -1, 4, 4}), {1});
  const at::Tensor ds = at::sum(at::mul(of_groups, constant_.through(w.exact(deviation_))), {1, 2, 3});
  if (gradient.defined()) {
    const at::Tensor s = pass.deviation.mean.narrow(0, 0, groups).view({groups, 1, 1, 1});
    table_.write(gradient, deviation_, constant_.to_taps(at::sum(at::mul(of_groups, s), {0})));
  }
  d.narrow(0, 0, groups * group).add_(deviation_backward(pass.deviation, ds, 4, options_));
  return d;
}

at::Tensor DeviceCritic::backward(const DeviceWeights& w, DevicePass& pass, const Backward& what,
                                  at::Tensor& gradient) const {
  if (gradient.defined()) gradient.zero_();
  at::Tensor d = backward_last(w, pass, what, gradient);
  pass.d_conv.resize(blocks_.size());
  pass.d_down.resize(blocks_.size());
  for (std::size_t i = blocks_.size(); i-- > 0;) {
    const Block& b = blocks_[i];
    if (i == 0 && pass.alpha.defined()) {
      const at::Tensor alpha = pass.alpha.to(options_.compute);
      pass.d_h_low = back(at::mul(d, 1 - alpha), pass.h_low, low_.bias, what, gradient);
      d = at::mul(d, alpha);
    }
    pass.d_down[i] = back(d, pass.down[i], b.down.bias, what, gradient);
    d = convolve_to_input(b.down.kernel, pass.d_down[i], pass.conv[i], w.at(b.down.weight), options_);
    pass.d_conv[i] = back(d, pass.conv[i], b.conv.bias, what, gradient);
    d = convolve_to_input(b.conv.kernel, pass.d_conv[i], input(pass, i), w.at(b.conv.weight), options_);
  }
  pass.d_h = back(d, pass.h, rgb_.bias, what, gradient);

  const auto to_image = [&](const at::Tensor& features, const Layer& layer) {
    const at::Tensor& weight = w.at(layer.weight);
    const at::Tensor tail = features.narrow(0, what.image_from, features.size(0) - what.image_from);
    return convolve(Kernel::plain, tail, weight.view({weight.size(0), weight.size(1), 1, 1}), {}, options_)
        .to(at::kFloat);
  };
  const at::Tensor image = to_image(pass.d_h, rgb_);
  return pass.alpha.defined() ? at::add(image, up(to_image(pass.d_h_low, low_)), 0.25) : image;
}

void DeviceCritic::linear(const DeviceWeights& w, DevicePass& pass, const at::Tensor& v,
                          std::int64_t from) const {
  const std::int64_t n = pass.x.size(0) - from;
  const auto tail = [&](const at::Tensor& t) { return t.narrow(0, from, n); };
  const auto through = [&](const Layer& l, const at::Tensor& in, const at::Tensor& weight,
                           const at::Tensor& out) {
    at::Tensor a = tail(out);
    a.copy_(device::act_backward(convolve(l.kernel, tail(in), weight, {}, options_), a));
  };
  tail(pass.x).copy_(v);
  through(rgb_, pass.x, from_image(w, rgb_), pass.h);
  if (pass.alpha.defined()) {
    tail(pass.x_low).copy_(device::down(v));
    through(low_, pass.x_low, from_image(w, low_), pass.h_low);
  }
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    through(blocks_[i].conv, input(pass, i), w.at(blocks_[i].conv.weight), pass.conv[i]);
    through(blocks_[i].down, pass.conv[i], w.at(blocks_[i].down.weight), pass.down[i]);
    if (i == 0 && pass.alpha.defined())
      tail(pass.mix).copy_(at::lerp(tail(pass.h_low), tail(pass.down[0]), pass.alpha.to(options_.compute)));
  }
  through(last_, input(pass, blocks_.size()), w.at(last_.weight), pass.last);
  at::Tensor dense = tail(pass.dense);
  dense.copy_(device::act_backward(at::mm(rows(tail(pass.last)), w.at(dense_).t()), dense));
}

void DeviceCritic::weight_gradients(const DeviceWeights& w, const DevicePass& pass,
                                    at::Tensor& gradient) const {
  const auto write = [&](const Layer& l, const at::Tensor& d, const at::Tensor& in) {
    table_.write(gradient, l.weight, convolve_to_weight(l.kernel, d, in, w.at(l.weight)));
  };
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    write(blocks_[i].conv, pass.d_conv[i], input(pass, i));
    write(blocks_[i].down, pass.d_down[i], pass.conv[i]);
  }
  write(last_, pass.d_last, input(pass, blocks_.size()));
  table_.write(gradient, head_, at::mm(pass.d_out.t(), pass.dense.to(at::kFloat)));
  table_.write(gradient, dense_, at::mm(pass.d_dense.t(), rows(pass.last)));
  const auto image = [&](const Layer& l, const at::Tensor& d, const at::Tensor& x) {
    const at::Tensor dw = convolve_to_weight(Kernel::plain, d, x, from_image(w, l));
    table_.write(gradient, l.weight, dw.flatten(1).t());
  };
  image(rgb_, pass.d_h, pass.x);
  if (pass.alpha.defined()) image(low_, pass.d_h_low, pass.x_low);
  table_.finish(gradient);
}

}  // namespace troupe::gan
