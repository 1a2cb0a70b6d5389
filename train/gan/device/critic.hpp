#pragma once
// The critic of one phase by LibTorch's operators: what train/gan/critic.hpp is on a CPU, and by the same
// derivation: one forward and one backward pass over real, fake and interpolated images, one linear pass over
// the interpolated third, one weight gradient over all. No autograd.
#include <vector>

#include "train/gan/device/deviation.hpp"
#include "train/gan/device/operators.hpp"

namespace troupe::gan {

struct DevicePass {
  at::Tensor alpha;                    // undefined where nothing fades in
  at::Tensor x, x_low;                 // images, and pooled ones while fading
  at::Tensor h, h_low, mix;            // features of both, and the blend that the second block reads
  std::vector<at::Tensor> conv, down;  // of each block, from the highest resolution
  device::Deviation deviation;
  at::Tensor last, dense, out;  // 4x4 convolution, dense layer, heads [n, heads] float
  // gradients to the pre-activations of the above
  at::Tensor d_out, d_dense, d_last, d_h, d_h_low;
  std::vector<at::Tensor> d_conv, d_down;
};

class DeviceCritic {
 public:
  DeviceCritic(const NetShape& shape, const ParamTable& table, int phase, const DeviceOptions& options);

  const DeviceTable& table() const { return table_; }
  /// images: [n, channels, size, size] float; n is a multiple of `group`. `alpha` as the generator's.
  DevicePass forward(const DeviceWeights& weights, const at::Tensor& images, std::int64_t group,
                     const at::Tensor& alpha) const;

  /// As Critic::Backward.
  struct Backward {
    std::int64_t weighted = 0, deviation_groups = 0, image_from = 0;
  };
  /// Fills the d_ of the pass from d_out; returns d/dimages of those from image_from on, float. Where
  /// `gradient` is defined it is zeroed, and biases' and deviation's gradients are there.
  at::Tensor backward(const DeviceWeights& weights, DevicePass& pass, const Backward& what,
                      at::Tensor& gradient) const;
  /// Sends v (shape of the images from `from` on) through the linearised network, in place of their
  /// activations.
  void linear(const DeviceWeights& weights, DevicePass& pass, const at::Tensor& v, std::int64_t from) const;
  /// The rest of `gradient`, over all images of the pass.
  void weight_gradients(const DeviceWeights& weights, const DevicePass& pass, at::Tensor& gradient) const;

  int size() const { return size_; }
  int heads() const { return heads_; }

 private:
  struct Layer {
    Kernel kernel = Kernel::plain;
    const Param *weight = nullptr, *bias = nullptr;
  };
  struct Block {
    Layer conv, down;
  };
  const at::Tensor& input(const DevicePass& pass, std::size_t block) const;
  /// [feature, image channel, 1, 1]
  at::Tensor from_image(const DeviceWeights& w, const Layer& layer) const;
  void forward_last(const DeviceWeights& w, DevicePass& pass, std::int64_t group) const;
  at::Tensor backward_last(const DeviceWeights& w, DevicePass& pass, const Backward& what,
                           at::Tensor& gradient) const;
  at::Tensor back(const at::Tensor& d, const at::Tensor& a, const Param* bias, const Backward& what,
                  at::Tensor& gradient) const;

  int size_, heads_;
  DeviceOptions options_;
  DeviceTable table_;
  std::vector<Block> blocks_;
  Layer rgb_, low_, last_;
  const Param *deviation_, *dense_, *dense_bias_, *head_, *head_bias_;
  device::ConstantChannel constant_;
};

}  // namespace troupe::gan
