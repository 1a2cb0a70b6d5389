#include "train/gan/device/weights.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "train/gan/taps.hpp"

namespace troupe::gan {
namespace {

/// Which taps of a 3x3 kernel make the taps of its 4x4 one: [16, 9].
at::Tensor resampling_matrix(Kernel kernel) {
  at::Tensor m = at::zeros({16, 9}, at::kFloat);
  float* to = m.data_ptr<float>();
  const float each = kernel == Kernel::down ? 0.25F : 1.0F;
  for_each_tap(kernel, [&](int four, int three) { to[four * 9 + three] += each; });
  return m;
}

at::Tensor part(const at::Tensor& flat, const Param& p) {
  return flat.narrow(0, static_cast<std::int64_t>(p.offset), static_cast<std::int64_t>(p.count))
      .view(p.shape);
}
bool convolves(const Param& p) { return p.shape.size() == 4; }

}  // namespace

std::size_t DeviceWeights::index(const Param* param) const {
  return static_cast<std::size_t>(param - table_->params().data());
}

at::Tensor DeviceWeights::exact(const Param* param) const { return part(flat_, *param); }

DeviceTable::DeviceTable(const ParamTable& table, int phase, const DeviceOptions& options)
    : table_(table), options_(options) {
  at::Tensor scale = at::zeros({static_cast<std::int64_t>(table.count(phase))}, at::kFloat);
  for (const Param& p : table.params()) {
    if (p.phase > phase) break;
    std::fill_n(scale.data_ptr<float>() + p.offset, p.count, p.scale);
    ++params_;
  }
  scale_ = scale.to(options.device);
  down_ = resampling_matrix(Kernel::down).to(options.device);
  up_ = resampling_matrix(Kernel::up).to(options.device);
}

DeviceWeights DeviceTable::effective(const at::Tensor& raw) const { return read(at::mul(raw, scale_)); }

void DeviceTable::refresh(DeviceWeights& w, const at::Tensor& raw) const {
  at::mul_out(w.flat_, raw, scale_);
  const DeviceWeights fresh = read(w.flat_);
  for (std::size_t i = 0; i < w.read_.size(); ++i)
    if (!w.read_[i].is_alias_of(fresh.read_[i])) w.read_[i].copy_(fresh.read_[i]);
}

DeviceWeights DeviceTable::read(at::Tensor flat) const {
  DeviceWeights w;
  w.table_ = &table_;
  w.flat_ = std::move(flat);
  const at::Tensor low = w.flat_.to(options_.compute);
  for (std::size_t i = 0; i < params_; ++i) {
    const Param& p = table_.params()[i];
    if (!convolves(p)) {
      w.read_.push_back(part(low, p));
      continue;
    }
    at::Tensor kernel = part(low, p);
    if (p.kernel != Kernel::plain)
      kernel = at::matmul(resampling(p.kernel), part(w.flat_, p).view({p.shape[0], 9, p.shape[3]}))
                   .to(options_.compute)
                   .view({p.shape[0], 4, 4, p.shape[3]});
    w.read_.push_back(kernel.permute({0, 3, 1, 2}).contiguous(options_.format()));
  }
  return w;
}

void DeviceTable::write(at::Tensor& gradient, const Param* p, const at::Tensor& effective_gradient) const {
  at::Tensor to = part(gradient, *p);
  if (!convolves(*p)) {
    to.copy_(effective_gradient);
    return;
  }
  const at::Tensor kernel = effective_gradient.permute({0, 2, 3, 1});  // [outer, k, k, inner], as stored
  if (p->kernel == Kernel::plain) {
    to.copy_(kernel);
    return;
  }
  const at::Tensor taps = kernel.to(at::kFloat).reshape({p->shape[0], 16, p->shape[3]});
  to.copy_(at::matmul(resampling(p->kernel).t(), taps).view(p->shape));
}

void DeviceTable::finish(at::Tensor& gradient) const { gradient.mul_(scale_); }

}  // namespace troupe::gan
