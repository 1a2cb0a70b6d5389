#pragma once
// The critic of one phase, with its derivatives written out. No autograd: one pass holds what they need.
//
// The critic is piecewise linear in the image but for the minibatch deviation, which the gradient penalty
// holds constant (so that the penalty is per image, as WGAN-GP has it). Then, for an interpolated image, g =
// dD/dx is the backward pass with signals d_l, the penalty P(g) has v = dP/dg, and dP/dW_l is the weight
// gradient of layer l for the input u_{l-1} and the signal d_l, u being v sent forward through the linearised
// network. So the interpolated images share every launch with the real and the fake ones: one forward and one
// backward pass over all three, one linear pass over a third, whose result takes the place of the activations
// that only their signs were needed of, and one weight gradient over all three.
#include <ATen/ATen.h>

#include <vector>

#include "train/gan/conv.hpp"
#include "train/gan/weights.hpp"

namespace troupe::gan {

/// Images [n, size, size, channels] as one flat run of floats.
struct CriticPass {
  std::int64_t n = 0, group = 0;       // images; images of a deviation group (n is a multiple of it)
  float alpha = 1;                     // share of the newest block
  at::Tensor x, x_low;                 // images, and pooled ones while fading
  at::Tensor h, h_low, mix;            // features of both, and the blend that the second block reads
  std::vector<at::Tensor> conv, down;  // of each block, from the highest resolution
  at::Tensor last, dense, out;         // 4x4 convolution, dense layer, heads [n, heads]
  std::vector<float> deviation;        // of each group
  // gradients to the pre-activations of the above
  at::Tensor d_out, d_dense, d_last, d_h, d_h_low;
  std::vector<at::Tensor> d_conv, d_down;
};

class Critic {
 public:
  Critic(const NetShape& shape, const ParamTable& table, int phase);

  CriticPass forward(const float* weights, at::Tensor images, std::int64_t n, std::int64_t group,
                     float alpha) const;

  struct Backward {
    std::int64_t weighted = 0;  // the first so many images count for biases and the deviation's weights …
    std::int64_t deviation_groups =
        0;                        // … and the first so many groups pass gradient through their deviation
    std::int64_t image_from = 0;  // gradient to the images from this one on
    float* gradient = nullptr;    // flat raw gradient; null: none wanted
  };
  /// Fills the d_ of the pass from d_out; returns d/dimages [n - image_from, size, size, channels].
  at::Tensor backward(const float* weights, CriticPass& pass, const Backward& what) const;
  /// Sends v (shape of the images from `from` on) through the linearised network, in place of their
  /// activations.
  void linear(const float* weights, CriticPass& pass, const at::Tensor& v, std::int64_t from) const;
  /// Weight gradients over all images of the pass, into the flat raw gradient, in parts that need nothing of
  /// each other.
  int gradient_parts() const { return static_cast<int>(2 * blocks_.size()) + 3; }
  void weight_gradient(int part, const float* weights, const CriticPass& pass, float* gradient) const;
  /// The parameters whose gradients a part makes.
  std::vector<const Param*> written_by(int part) const;

  int size() const { return size_; }
  int heads() const { return heads_; }

 private:
  struct Layer {
    Conv conv;
    const Param *weight, *bias;
  };
  struct Block {
    int size;  // of its input
    Layer conv, down;
  };
  const at::Tensor& input(const CriticPass& pass, std::size_t block) const;
  void forward_last(const float* weights, CriticPass& pass) const;
  at::Tensor backward_last(const float* weights, CriticPass& pass, const Backward& what) const;
  void act_back(at::Tensor& d, const at::Tensor& a, float scale, const Param* bias, const CriticPass& pass,
                const Backward& what) const;
  void write(const Param* param, const at::Tensor& effective_gradient, float* gradient) const;
  void dense_gradients(const CriticPass& pass, float* gradient) const;
  void image_gradients(const CriticPass& pass, float* gradient) const;

  int size_, channels_, width_, low_width_ = 0, last_width_, dense_width_, heads_;
  std::vector<Block> blocks_;
  Layer last_;
  const Param *rgb_, *rgb_bias_, *low_ = nullptr, *low_bias_ = nullptr;
  const Param *deviation_, *dense_, *dense_bias_, *head_, *head_bias_;
};

}  // namespace troupe::gan
