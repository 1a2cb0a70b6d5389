// Operators whose kernels take nothing beside their results: their shapes are written down, so that a large
// tensor's need not be measured.
#include <ATen/ATen.h>
#include <ATen/ExpandUtils.h>
#include <torch/library.h>

#include <array>
#include <tuple>

#include "predict/module/kernels.hpp"

namespace troupe::meta {
namespace {

using at::Tensor;
using Maybe = std::optional<Tensor>;
using Three = std::tuple<Tensor, Tensor, Tensor>;

Tensor relu(const Tensor& x) { return at::empty_like(x); }
Tensor& relu_in_place(Tensor& x) { return x; }
Tensor elementwise_backward(const Tensor&, const Tensor& x, const Tensor&, std::int64_t) {
  return at::empty_like(x);
}

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  const auto sizes = at::infer_size(condition.sizes(), at::infer_size(a.sizes(), b.sizes()));
  return at::empty(sizes, condition.options().dtype(at::result_type(a, b)));
}

Three batch_norm(const Tensor& x, const Maybe&, const Maybe&, const Maybe&, const Maybe&, bool training,
                 double, double) {
  const std::int64_t kept = training ? x.size(1) : 0;
  return {at::empty_like(x), at::empty({kept}, x.options()), at::empty({kept}, x.options())};
}

Three batch_norm_backward(const Tensor&, const Tensor& x, const Maybe&, const Maybe&, const Maybe&,
                          const Maybe&, const Maybe&, bool, double, std::array<bool, 3> wanted) {
  const auto channel = [&](bool w) { return w ? at::empty({x.size(1)}, x.options()) : Tensor(); };
  return {wanted[0] ? at::empty_like(x) : Tensor(), channel(wanted[1]), channel(wanted[2])};
}

std::tuple<Tensor, Tensor> nll_loss2d(const Tensor& x, const Tensor& target, const Maybe&,
                                      std::int64_t reduction, c10::SymInt) {
  constexpr std::int64_t kNone = 0;
  Tensor loss = reduction == kNone ? at::empty(target.sizes(), x.options()) : at::empty({}, x.options());
  return {loss, at::empty({}, x.options())};
}

Tensor nll_loss2d_backward(const Tensor&, const Tensor& x, const Tensor&, const Maybe&, std::int64_t,
                           c10::SymInt, const Tensor&) {
  return at::empty_like(x, at::MemoryFormat::Contiguous);
}

}  // namespace

void add_plain_kernels(torch::Library& m) {
  m.impl("relu", relu);
  m.impl("relu_", relu_in_place);
  m.impl("where.self", where);
  m.impl("mse_loss_backward", elementwise_backward);
  m.impl("native_batch_norm", batch_norm);
  m.impl("native_batch_norm_backward", batch_norm_backward);
  m.impl("nll_loss2d_forward", nll_loss2d);
  m.impl("nll_loss2d_backward", nll_loss2d_backward);
}

}  // namespace troupe::meta
