#include "train/gan/device/operators.hpp"

#include <ATen/ATen.h>

#include <array>
#include <tuple>

#include "train/gan/lanes.hpp"

namespace troupe::gan::device {
namespace {

constexpr double kEpsilon = 1e-8;

struct Geometry {
  std::array<std::int64_t, 2> stride, padding, dilation{1, 1}, output_padding{0, 0};
  bool transposed;
};
Geometry geometry(Kernel kernel, const at::Tensor& weight) {
  const std::int64_t stride = kernel == Kernel::plain ? 1 : 2, padding = weight.size(2) == 1 ? 0 : 1;
  return {.stride = {stride, stride}, .padding = {padding, padding}, .transposed = kernel == Kernel::up};
}
auto backward(Kernel kernel, const at::Tensor& d, const at::Tensor& x, const at::Tensor& weight,
              std::array<bool, 3> wanted) {
  const Geometry g = geometry(kernel, weight);
  return at::convolution_backward(d, x, weight, at::nullopt, g.stride, g.padding, g.dilation, g.transposed,
                                  g.output_padding, 1, wanted);
}

}  // namespace

at::Tensor convolve(Kernel kernel, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                    const DeviceOptions& options) {
  const Geometry g = geometry(kernel, weight);
  const auto b = bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt;
  return at::convolution(x, weight, b, g.stride, g.padding, g.dilation, g.transposed, g.output_padding, 1)
      .contiguous(options.format());
}

at::Tensor convolve_to_input(Kernel kernel, const at::Tensor& d, const at::Tensor& x,
                             const at::Tensor& weight, const DeviceOptions& options) {
  return std::get<0>(backward(kernel, d, x, weight, {true, false, false})).contiguous(options.format());
}

at::Tensor convolve_to_weight(Kernel kernel, const at::Tensor& d, const at::Tensor& x,
                              const at::Tensor& weight) {
  return std::get<1>(backward(kernel, d, x, weight, {false, true, false}));
}

void act_(at::Tensor& x) { at::leaky_relu_(x, kSlope); }
at::Tensor act_backward(const at::Tensor& d, const at::Tensor& a) {
  return at::leaky_relu_backward(d, a, kSlope, true);
}
at::Tensor channel_sum(const at::Tensor& d) { return at::sum(d, {0, 2, 3}, false, at::kFloat); }

Normed act_norm(at::Tensor x) {
  act_(x);
  const at::Tensor a = x.to(at::kFloat);
  Normed n;
  n.r = at::rsqrt(at::mean(at::square(a), {1}, true) + kEpsilon);
  n.y = at::mul(a, n.r).to(x.scalar_type());
  return n;
}

at::Tensor act_norm_backward(const at::Tensor& dy, const Normed& normed) {
  const at::Tensor d = dy.to(at::kFloat), y = normed.y.to(at::kFloat);
  const at::Tensor mean = at::mean(at::mul(d, y), {1}, true);
  return act_backward(at::mul(d - y * mean, normed.r), y).to(dy.scalar_type());
}

at::Tensor up(const at::Tensor& x) {
  return at::upsample_nearest2d(x, std::array<std::int64_t, 2>{2 * x.size(2), 2 * x.size(3)});
}
at::Tensor down(const at::Tensor& x) { return at::avg_pool2d(x, {2, 2}); }

at::Tensor rows(const at::Tensor& x) { return x.permute({0, 2, 3, 1}).reshape({x.size(0), -1}); }
at::Tensor pixels(const at::Tensor& rows, std::int64_t size, const DeviceOptions& options) {
  return rows.view({rows.size(0), size, size, -1}).permute({0, 3, 1, 2}).contiguous(options.format());
}

}  // namespace troupe::gan::device
