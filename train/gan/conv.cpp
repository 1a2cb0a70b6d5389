#include "train/gan/conv.hpp"

#include <algorithm>
#include <array>
#include <tuple>

#include "train/gan/dry_run.hpp"

namespace troupe::gan {

namespace {
constexpr auto kLast = at::MemoryFormat::ChannelsLast;
struct Geometry {
  std::array<std::int64_t, 2> stride, padding{1, 1}, dilation{1, 1}, output_padding{0, 0};
  bool transposed;
};
Geometry geometry(const Conv& conv) {
  Geometry g{};
  const std::int64_t stride = conv.kind == Kernel::plain ? 1 : 2;
  g.stride = {stride, stride};
  g.padding = {1, 1};
  g.dilation = {1, 1};
  g.transposed = conv.kind == Kernel::up;
  return g;
}
at::Tensor view(const float* p, std::int64_t rows, std::int64_t columns) {
  return at::from_blob(const_cast<float*>(p), {rows, columns}, at::kFloat);
}
bool product_skipped(std::int64_t rows, std::int64_t columns, std::int64_t inner) {
  DryRun* const dry = DryRun::current();
  if (dry != nullptr)
    dry->product(static_cast<double>(rows), static_cast<double>(columns), static_cast<double>(inner));
  return dry != nullptr;
}
}  // namespace

at::Tensor features(std::int64_t n, std::int64_t C, std::int64_t size) {
  return at::empty({n, C, size, size}, at::TensorOptions().dtype(at::kFloat).memory_format(kLast));
}

at::Tensor weight_view(const Conv& conv, const float* effective) {
  const std::int64_t k = conv.kind == Kernel::plain ? 3 : 4;
  const std::int64_t outer = conv.kind == Kernel::up ? conv.in : conv.out;
  const std::int64_t inner = conv.kind == Kernel::up ? conv.out : conv.in;
  return at::from_blob(const_cast<float*>(effective), {outer, inner, k, k},
                       {k * k * inner, 1, k * inner, inner}, at::kFloat);
}

at::Tensor forward(const Conv& conv, const at::Tensor& x, const at::Tensor& weight) {
  if (DryRun* dry = DryRun::current()) {
    const std::int64_t size = x.size(2);
    const std::int64_t out = conv.kind == Kernel::up ? 2 * size : conv.kind == Kernel::down ? size / 2 : size;
    at::Tensor y = features(x.size(0), conv.out, out);
    dry->convolution(conv, Pass::forward, x.size(0), std::max(size, out));
    return y;
  }
  const Geometry g = geometry(conv);
  return at::convolution(x, weight, {}, g.stride, g.padding, g.dilation, g.transposed, g.output_padding, 1)
      .contiguous(kLast);
}

at::Tensor backward_data(const Conv& conv, const at::Tensor& grad, const at::Tensor& like,
                         const at::Tensor& weight) {
  if (DryRun* dry = DryRun::current()) {
    at::Tensor d = features(like.size(0), conv.in, like.size(2));
    dry->convolution(conv, Pass::backward_data, like.size(0), std::max(like.size(2), grad.size(2)));
    return d;
  }
  const Geometry g = geometry(conv);
  return std::get<0>(at::convolution_backward(grad, like, weight, at::nullopt, g.stride, g.padding,
                                              g.dilation, g.transposed, g.output_padding, 1,
                                              {true, false, false}))
      .contiguous(kLast);
}

at::Tensor backward_weight(const Conv& conv, const at::Tensor& grad, const at::Tensor& x,
                           const at::Tensor& weight) {
  if (DryRun* dry = DryRun::current()) {
    at::Tensor d = at::empty(weight.sizes(), at::kFloat, kLast);
    dry->convolution(conv, Pass::backward_weight, x.size(0), std::max(x.size(2), grad.size(2)));
    return d;
  }
  const Geometry g = geometry(conv);
  return std::get<1>(at::convolution_backward(grad, x, weight, at::nullopt, g.stride, g.padding, g.dilation,
                                              g.transposed, g.output_padding, 1, {false, true, false}))
      .contiguous(kLast);
}

at::Tensor times_transposed(const float* a, const float* b, std::int64_t rows, std::int64_t columns,
                            std::int64_t inner) {
  if (product_skipped(rows, columns, inner)) return at::empty({rows, columns}, at::kFloat);
  return at::mm(view(a, rows, inner), view(b, columns, inner).t());
}

void transposed_times(float* out, const float* a, const float* b, std::int64_t rows, std::int64_t columns,
                      std::int64_t inner) {
  if (product_skipped(rows, columns, inner)) return;
  auto result = view(out, rows, columns);
  at::mm_out(result, view(a, inner, rows).t(), view(b, inner, columns));
}

at::Tensor times(const float* a, const float* b, std::int64_t rows, std::int64_t columns,
                 std::int64_t inner) {
  if (product_skipped(rows, columns, inner)) return at::empty({rows, columns}, at::kFloat);
  return at::mm(view(a, rows, inner), view(b, inner, columns));
}

}  // namespace troupe::gan
