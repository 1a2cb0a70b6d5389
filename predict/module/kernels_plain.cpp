// Operators whose kernels take nothing beside their results: their shapes are written down, so that a large
// tensor's need not be measured.
#include <ATen/ATen.h>
#include <ATen/ExpandUtils.h>
#include <ATen/ops/addmm_meta_dispatch.h>
#include <ATen/ops/mm_meta_dispatch.h>
#include <torch/library.h>

#include <tuple>

#include "predict/module/kernels.hpp"

namespace troupe::meta {
namespace {

using at::Tensor;
using Maybe = std::optional<Tensor>;

Tensor relu(const Tensor& x) { return at::empty_like(x); }
Tensor& relu_in_place(Tensor& x) { return x; }
Tensor elementwise_backward(const Tensor&, const Tensor& x, const Tensor&, std::int64_t) {
  return at::empty_like(x);
}

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  const auto sizes = at::infer_size(condition.sizes(), at::infer_size(a.sizes(), b.sizes()));
  return at::empty(sizes, condition.options().dtype(at::result_type(a, b)));
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

/// A product copies a matrix that is not dense, as an expanded gradient is, for as long as it works.
Tensor copied(const Tensor& t) {
  return t.is_non_overlapping_and_dense() ? Tensor() : at::empty(t.sizes(), t.options());
}

Tensor mm(const Tensor& a, const Tensor& b) {
  const Tensor first = copied(a), second = copied(b);
  return at::meta::mm(a, b);
}

Tensor addmm(const Tensor& c, const Tensor& a, const Tensor& b, const at::Scalar& beta,
             const at::Scalar& alpha) {
  const Tensor first = copied(a), second = copied(b);
  return at::meta::addmm(c, a, b, beta, alpha);
}

}  // namespace

void add_plain_kernels(torch::Library& m) {
  m.impl("mm", mm);
  m.impl("addmm", addmm);
  m.impl("relu", relu);
  m.impl("relu_", relu_in_place);
  m.impl("where.self", where);
  m.impl("mse_loss_backward", elementwise_backward);
  m.impl("nll_loss2d_forward", nll_loss2d);
  m.impl("nll_loss2d_backward", nll_loss2d_backward);
}

}  // namespace troupe::meta
