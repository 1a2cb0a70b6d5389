#pragma once
// The convolutions of both networks, forward and backward written out, on channels-last tensors and with no
// autograd. In a dry run (dry_run.hpp) results have their shapes and nothing is computed.
#include <ATen/ATen.h>

#include <cstdint>

#include "train/gan/topology.hpp"

namespace troupe::gan {

/// A convolution of the networks, named by what it does to the resolution: plain 3x3; down: 4x4 stride 2; up:
/// the transposed 4x4 stride 2. Shapes: x [N, in, s, s]; weight [out, in, k, k], for `up` [in, out, 4, 4].
struct Conv {
  Kernel kind = Kernel::plain;
  int in = 1, out = 1;
};

/// A features tensor [n, C, size, size], channels-last.
at::Tensor features(std::int64_t n, std::int64_t C, std::int64_t size);
/// The kernel's weights, seen as a tensor over the effective buffer.
at::Tensor weight_view(const Conv& conv, const float* effective);

at::Tensor forward(const Conv& conv, const at::Tensor& x, const at::Tensor& weight);
/// Gradient to the input; `like` has the input's shape.
at::Tensor backward_data(const Conv& conv, const at::Tensor& grad, const at::Tensor& like,
                         const at::Tensor& weight);
/// Gradient to the effective weight, in its memory order.
at::Tensor backward_weight(const Conv& conv, const at::Tensor& grad, const at::Tensor& x,
                           const at::Tensor& weight);

/// [rows, inner] x [columns, inner]^T.
at::Tensor times_transposed(const float* a, const float* b, std::int64_t rows, std::int64_t columns,
                            std::int64_t inner);
/// out[rows, columns] = a[inner, rows]^T x b[inner, columns].
void transposed_times(float* out, const float* a, const float* b, std::int64_t rows, std::int64_t columns,
                      std::int64_t inner);
/// [rows, inner] x [inner, columns].
at::Tensor times(const float* a, const float* b, std::int64_t rows, std::int64_t columns, std::int64_t inner);

inline float* data(const at::Tensor& t) { return static_cast<float*>(t.data_ptr()); }

}  // namespace troupe::gan
