#pragma once
// A generator of one phase, with its derivatives written out.
#include <ATen/ATen.h>

#include <vector>

#include "train/gan/conv.hpp"
#include "train/gan/weights.hpp"

namespace troupe::gan {

struct GeneratorPass {
  std::int64_t n = 0;
  float alpha = 1;
  at::Tensor latent;             // [n, latent], pixel-normed
  std::vector<at::Tensor> y, r;  // each layer's output and its pixel norm's factors, from the dense layer up
  at::Tensor image;              // [n, size, size, channels]
  std::vector<at::Tensor> d;     // gradients to each layer's pre-activation, by backward
};

/// Images that samples are made of at a time: bounds the memory of many.
constexpr std::int64_t kSampleChunk = 8;

class Generator {
 public:
  Generator(const NetShape& shape, const ParamTable& table, int phase);
  /// latent: [n, latent] standard normal; normed in place.
  GeneratorPass forward(const float* weights, at::Tensor latent, float alpha) const;
  /// From d/dimage to the gradients of biases and images' layers, and to the `d` of the pass …
  void backward(const float* weights, GeneratorPass& pass, const at::Tensor& d_image, float* gradient) const;
  /// … and from these to the weight gradients, in parts that need nothing of each other.
  int gradient_parts() const { return static_cast<int>(layers_.size()) + 1; }
  void weight_gradient(int part, const float* weights, const GeneratorPass& pass, float* gradient) const;
  /// The parameters whose gradients a part makes.
  std::vector<const Param*> written_by(int part) const;
  int size() const { return size_; }

 private:
  struct Layer {
    Conv conv;
    const Param *weight, *bias;
    int size;  // of its output
  };
  void image_forward(const float* weights, GeneratorPass& pass) const;
  at::Tensor image_backward(const float* weights, const GeneratorPass& pass, const at::Tensor& d_image,
                            float* gradient) const;
  void low_image_backward(const float* weights, const GeneratorPass& pass, const at::Tensor& d_image,
                          at::Tensor& d, float* gradient) const;

  int size_, channels_, latent_, width_, low_width_ = 0, first_width_;
  std::vector<Layer> layers_;  // the 4x4 convolution, then up and conv of each resolution
  const Param *dense_, *dense_bias_, *rgb_, *rgb_bias_, *low_ = nullptr, *low_bias_ = nullptr;
};

}  // namespace troupe::gan
