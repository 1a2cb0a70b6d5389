#pragma once
// A generator of one phase by LibTorch's operators: what train/gan/generator.hpp is on a CPU.
#include <vector>

#include "train/gan/device/operators.hpp"

namespace troupe::gan {

struct DeviceFakes {
  at::Tensor latent;                   // [n, latent], pixel-normed
  std::vector<device::Normed> layers;  // from the dense layer up
  at::Tensor image;                    // [n, channels, size, size]
};

class DeviceGenerator {
 public:
  DeviceGenerator(const NetShape& shape, const ParamTable& table, int phase, const DeviceOptions& options);

  const DeviceTable& table() const { return table_; }
  /// latent: [n, latent] float. `alpha`: the share of the newest block, a tensor of one float on the device;
  /// undefined where nothing fades in.
  DeviceFakes forward(const DeviceWeights& weights, const at::Tensor& latent, const at::Tensor& alpha) const;
  /// From d/dimage to the whole flat gradient, zeros where a parameter has no part in it.
  void backward(const DeviceWeights& weights, const DeviceFakes& fakes, const at::Tensor& alpha,
                const at::Tensor& d_image, at::Tensor& gradient) const;
  int size() const { return size_; }

 private:
  struct Layer {
    Kernel kernel;
    const Param *weight, *bias;
  };
  struct ToImage {
    const Param *weight = nullptr, *bias = nullptr;
  };
  at::Tensor image(const DeviceWeights& w, const ToImage& to, const at::Tensor& features) const;
  /// Adds what the image says to the gradients of `to`; returns the gradient to the features.
  at::Tensor image_backward(const DeviceWeights& w, const ToImage& to, const at::Tensor& features,
                            const at::Tensor& d_image, at::Tensor& gradient) const;

  int size_;
  DeviceOptions options_;
  DeviceTable table_;
  const Param *dense_, *dense_bias_;
  std::vector<Layer> layers_;  // the 4x4 convolution, then up and conv of each resolution
  ToImage rgb_, low_;
};

}  // namespace troupe::gan
