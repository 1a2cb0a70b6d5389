#include "train/gan/device/deviation.hpp"

#include <ATen/ATen.h>

namespace troupe::gan::device {

Deviation deviation(const at::Tensor& h, std::int64_t group) {
  const at::Tensor x = rows(h.to(at::kFloat)).view({h.size(0) / group, group, -1});
  Deviation d;
  d.centred = at::sub(x, at::mean(x, {1}, true));
  d.deviation = at::sqrt(at::mean(at::square(d.centred), {1}) + 1e-8);
  d.mean = at::mean(d.deviation, {1});
  return d;
}

at::Tensor deviation_backward(const Deviation& of, const at::Tensor& ds, std::int64_t size,
                              const DeviceOptions& options) {
  const std::int64_t n = ds.size(0), group = of.centred.size(1), features = of.centred.size(2);
  const at::Tensor each =
      ds.view({n, 1}) / (static_cast<double>(features * group) * of.deviation.narrow(0, 0, n));
  const at::Tensor d = at::mul(of.centred.narrow(0, 0, n), each.unsqueeze(1));
  return pixels(d.view({n * group, features}), size, options);
}

ConstantChannel::ConstantChannel(const DeviceOptions& options) {
  at::Tensor reaches = at::zeros({9, 16}, at::kFloat);
  float* to = reaches.data_ptr<float>();
  for (int tap = 0; tap < 9; ++tap)
    for (int pixel = 0; pixel < 16; ++pixel) {
      const int y = pixel / 4 + tap / 3 - 1, x = pixel % 4 + tap % 3 - 1;
      to[tap * 16 + pixel] = y >= 0 && y < 4 && x >= 0 && x < 4 ? 1.0F : 0.0F;
    }
  reaches_ = reaches.to(options.device);
}

at::Tensor ConstantChannel::through(const at::Tensor& taps) const {
  return at::mm(taps.view({9, -1}).t(), reaches_).view({-1, 4, 4});
}
at::Tensor ConstantChannel::to_taps(const at::Tensor& d) const {
  return at::mm(reaches_, d.reshape({-1, 16}).t()).view({3, 3, -1});
}

}  // namespace troupe::gan::device
