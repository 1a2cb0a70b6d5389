#pragma once
// A network's flat parameters on any device, as the tensors that LibTorch's operators read, and gradients
// back into the same flat layout. What train/gan/weights.hpp is for the kernels of a CPU.
#include <ATen/core/Tensor.h>

#include <vector>

#include "train/gan/topology.hpp"

namespace troupe::gan {

/// How a step computes, wherever it does.
struct DeviceOptions {
  at::Device device = at::kCPU;
  /// Of features, convolutions and the large products: kFloat or kBFloat16. Parameters, their gradients,
  /// norms, deviations, scores and losses are float always, and so is the optimiser.
  at::ScalarType compute = at::kFloat;
  bool channels_last = true;  // how features lie; else channels first
  at::MemoryFormat format() const {
    return channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
  }
};

class DeviceTable;

/// What the networks read of one version of the parameters.
class DeviceWeights {
 public:
  /// In the step's type. Convolutions [outer, inner, k, k], resampled ones as their 4x4 kernels; the rest as
  /// stored.
  const at::Tensor& at(const Param* param) const { return read_[index(param)]; }
  /// In float, as stored.
  at::Tensor exact(const Param* param) const;
  /// All tensors that it is made of.
  template <class F>
  void for_each(const F& f) const {
    f(flat_);
    for (const at::Tensor& t : read_) f(t);
  }

 private:
  friend class DeviceTable;
  std::size_t index(const Param* param) const;
  const ParamTable* table_ = nullptr;
  at::Tensor flat_;
  std::vector<at::Tensor> read_;
};

/// The constants of one network in one phase on one device: made once, since making them waits for it.
class DeviceTable {
 public:
  DeviceTable(const ParamTable& table, int phase, const DeviceOptions& options);

  /// Floats of the flat buffers: ParamTable::count.
  std::int64_t count() const { return scale_.numel(); }
  const DeviceOptions& options() const { return options_; }
  /// `raw`: [count()] float on the device.
  DeviceWeights effective(const at::Tensor& raw) const;
  /// The same, in the place of weights that it made.
  void refresh(DeviceWeights& weights, const at::Tensor& raw) const;
  /// The gradient to a parameter as read, into the flat one; finish() makes gradients to the raw parameters
  /// of all.
  void write(at::Tensor& gradient, const Param* param, const at::Tensor& effective_gradient) const;
  void finish(at::Tensor& gradient) const;

 private:
  DeviceWeights read(at::Tensor flat) const;
  const at::Tensor& resampling(Kernel kernel) const { return kernel == Kernel::down ? down_ : up_; }

  const ParamTable& table_;
  DeviceOptions options_;
  std::size_t params_ = 0;  // of the phase: a prefix
  at::Tensor scale_;        // [count]: He constants; 0 where nothing lies
  at::Tensor down_, up_;    // [16, 9]: the 4x4 kernel of a 3x3 one
};

}  // namespace troupe::gan
