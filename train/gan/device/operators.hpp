#pragma once
// The layers of both networks and their derivatives by LibTorch's operators, on any device. Features are
// [N, C, s, s] in the step's type and format; the sums over them are float.
#include <ATen/core/Tensor.h>

#include "train/gan/device/weights.hpp"

namespace troupe::gan::device {

/// As Conv does in train/gan/conv.hpp: plain 3x3, down and up 4x4 with stride 2; 1x1 by the weight's size.
/// `bias` may be undefined.
at::Tensor convolve(Kernel kernel, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                    const DeviceOptions& options);
/// Gradient to the input x.
at::Tensor convolve_to_input(Kernel kernel, const at::Tensor& d, const at::Tensor& x,
                             const at::Tensor& weight, const DeviceOptions& options);
/// Gradient to the weight, in its shape.
at::Tensor convolve_to_weight(Kernel kernel, const at::Tensor& d, const at::Tensor& x,
                              const at::Tensor& weight);

/// Leaky ReLU 0.2, in place.
void act_(at::Tensor& x);
/// d * act'(a), `a` being the activation's output.
at::Tensor act_backward(const at::Tensor& d, const at::Tensor& a);
/// Sum over images and pixels: [C] float.
at::Tensor channel_sum(const at::Tensor& d);

/// Pixel norm of act(x): y = a / sqrt(mean_c a^2 + 1e-8).
struct Normed {
  at::Tensor y, r;  // r: the factor, [N, 1, s, s] float
};
Normed act_norm(at::Tensor x);
/// From dy to the gradient to x.
at::Tensor act_norm_backward(const at::Tensor& dy, const Normed& normed);

/// Nearest neighbour to twice the size, and the mean over 2x2.
at::Tensor up(const at::Tensor& x);
at::Tensor down(const at::Tensor& x);

/// Features [n, C, s, s] as rows [n, s * s * C], pixel by pixel, and back.
at::Tensor rows(const at::Tensor& x);
at::Tensor pixels(const at::Tensor& rows, std::int64_t size, const DeviceOptions& options);

}  // namespace troupe::gan::device
