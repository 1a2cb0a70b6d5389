#pragma once
// The minibatch standard deviation, and the constant channel that it is given to the 4x4 convolution as.
#include "train/gan/device/operators.hpp"

namespace troupe::gan::device {

/// Of each group of images: mean over features and pixels of the standard deviation over the group.
struct Deviation {
  at::Tensor centred, deviation;  // [groups, group, F] and [groups, F] float
  at::Tensor mean;                // [groups]
};
Deviation deviation(const at::Tensor& h, std::int64_t group);
/// ds: [n] of the first n groups. The gradient to their images' features, [n * group, C, s, s] float.
at::Tensor deviation_backward(const Deviation& of, const at::Tensor& ds, std::int64_t size,
                              const DeviceOptions& options);

/// What a channel of ones gives through 3x3 taps [3, 3, C], zero padded, at 4x4.
class ConstantChannel {
 public:
  explicit ConstantChannel(const DeviceOptions& options);
  /// [C, 4, 4]
  at::Tensor through(const at::Tensor& taps) const;
  /// d: [C, 4, 4]; the gradient to the taps.
  at::Tensor to_taps(const at::Tensor& d) const;

 private:
  at::Tensor reaches_;  // [9, 16]: 1 where a tap reaches inside from a pixel
};

}  // namespace troupe::gan::device
