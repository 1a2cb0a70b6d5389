// Where LibTorch does another thing on the meta device than on a processor.
#include <ATen/ATen.h>
#include <ATen/ops/add_meta_dispatch.h>
#include <ATen/ops/index_add_meta_dispatch.h>
#include <ATen/ops/scatter_add_meta_dispatch.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/autograd/graph_task.h>
#include <torch/library.h>

#include <limits>

#include "gpu/account.hpp"
#include "predict/module/kernels.hpp"
#include "predict/module/meta_run.hpp"

namespace troupe::meta {
namespace {

using at::Tensor;

/// Held by its owner, and by the stack of arguments of the mode that rewrites devices.
bool alone(const Tensor& t) {
  return t.is_non_overlapping_and_dense() && t.use_count() <= 2 && t.storage().use_count() == 1;
}

bool in_backward() {
  return MetaRun::current() != nullptr && torch::autograd::get_current_graph_task_id() != -1 &&
         !at::GradMode::is_enabled();
}

/// Where a tensor is used more than once, the engine adds its gradients up outside of any node. On a
/// processor it adds in place if it can; on the meta device it does not try.
Tensor add(const Tensor& a, const Tensor& b, const at::Scalar& alpha) {
  const bool engine = in_backward() && !MetaRun::current()->inside_a_node();
  if (engine && a.sizes() == b.sizes() && alone(a)) return a;
  if (engine && a.sizes() == b.sizes() && alone(b)) return b;
  return at::meta::add(a, b, alpha);
}

/// Gradients of what was picked out are added up in place on a processor, but out of place on the meta
/// device.
bool in_place(const Tensor& sum) { return in_backward() && alone(sum); }

Tensor index_add(const Tensor& sum, std::int64_t extent, const Tensor& index, const Tensor& part,
                 const at::Scalar& alpha) {
  return in_place(sum) ? sum : at::meta::index_add(sum, extent, index, part, alpha);
}

Tensor scatter_add(const Tensor& sum, std::int64_t extent, const Tensor& index, const Tensor& part) {
  return in_place(sum) ? sum : at::meta::scatter_add(sum, extent, index, part);
}

/// A processor's tensor of the same shape, which nobody touches: attention is chosen by shapes alone.
Tensor untouched(const Tensor& t) {
  return at::empty_strided(t.sizes(), t.strides(), t.options().device(at::kCPU));
}

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const std::optional<Tensor>& mask_in,
                 double dropout, bool causal, std::optional<double> scale, bool grouped) {
  std::optional<Tensor> mask = mask_in;
  if (mask && mask->defined() && mask->scalar_type() == at::kBool)
    mask = at::where(*mask, at::zeros({}, q.options()),
                     at::full({}, -std::numeric_limits<double>::infinity(), q.options()));
  constexpr std::int64_t kFlash = 1;  // sdp::SDPBackend::flash_attention
  std::int64_t chosen = 0;
  {
    const c10::impl::ExcludeDispatchKeyGuard processor(kMode);
    const at::NoGradGuard no_graph;
    const AccountScope uncharged(nullptr);
    std::optional<Tensor> shaped_mask;
    if (mask && mask->defined()) shaped_mask = untouched(*mask);
    chosen = at::_fused_sdp_choice(untouched(q), untouched(k), untouched(v), shaped_mask, dropout, causal,
                                   scale, grouped);
  }
  if (chosen == kFlash)
    return std::get<0>(
        at::_scaled_dot_product_flash_attention_for_cpu(q, k, v, dropout, causal, mask, scale));
  return std::get<0>(
      at::_scaled_dot_product_attention_math(q, k, v, mask, dropout, causal, {}, scale, grouped));
}

}  // namespace

void add_choices(torch::Library& library, torch::Library& autograd) {
  library.impl("add.Tensor", add);
  library.impl("index_add", index_add);
  library.impl("scatter_add", scatter_add);
  library.impl("scaled_dot_product_attention", attention);
  autograd.impl("scaled_dot_product_attention", attention);
}

}  // namespace troupe::meta
