#include "train/gan/device/step.hpp"

#include <ATen/ATen.h>

#include "base/random.hpp"

namespace troupe::gan {

using device::down;
using device::up;

DeviceInput::DeviceInput(const NetShape& shape, int batch, int phase, const DeviceOptions& options) {
  const auto floats = at::TensorOptions(options.device).dtype(at::kFloat);
  const int size = shape.resolution(phase);
  real = at::zeros({batch, shape.image_channels, size, size}, floats);
  latent = at::zeros({batch, shape.latent}, floats);
  mix = at::zeros({batch, 1, 1, 1}, floats);
  alpha = at::zeros({}, floats);
}

void DeviceInput::fill(const ShardInput& in, const float* images) {
  at::Tensor host = at::empty(latent.sizes(), at::kFloat);
  Draw(in.seed, in.step, in.shard, Purpose::latent)
      .fill_normal({host.data_ptr<float>(), static_cast<std::size_t>(host.numel())});
  latent.copy_(host);
  host = at::empty(mix.sizes(), at::kFloat);
  Draw draw(in.seed, in.step, in.shard, Purpose::mix);
  for (int i = 0; i < in.batch; ++i) host.data_ptr<float>()[i] = draw.uniform();
  mix.copy_(host);
  real.copy_(at::from_blob(const_cast<float*>(images), real.sizes(), at::kFloat));
  alpha.fill_(in.alpha);
}

DeviceFakes DeviceStep::make_fakes(const DeviceKind& kind, const DeviceInput& in,
                                   const DeviceWeights& generator) const {
  return generator_.forward(generator, in.latent, alpha(kind, in));
}

DeviceStep::Classes DeviceStep::classify(int generator, const at::Tensor& out) const {
  const std::int64_t classes = critic_.heads() - 1, n = out.size(0);
  if (classes == 0) return {at::zeros({}, out.options()), at::ones({}, out.options()), {}};
  const at::Tensor logits = out.narrow(1, 1, classes);
  const at::Tensor logs = at::log_softmax(logits, 1);
  Classes c;
  c.entropy = -at::mean(logs.select(1, generator));
  c.accuracy = at::mean(at::argmax(logits, 1).eq(generator).to(at::kFloat));
  c.d_logits = at::exp(logs);
  c.d_logits.select(1, generator).sub_(1);
  c.d_logits.div_(static_cast<double>(n));
  return c;
}

DeviceFakes DeviceStep::critic_stage(const DeviceKind& kind, const DeviceInput& in,
                                     const DeviceWeights& critic, const DeviceWeights& generator,
                                     at::Tensor& gradient, at::Tensor& scores) const {
  DeviceFakes fakes = make_fakes(kind, in, generator);
  const std::int64_t batch = in.real.size(0);
  const at::Tensor real = kind.fading ? at::lerp(up(down(in.real)), in.real, in.alpha) : in.real;
  const at::Tensor between = at::lerp(fakes.image, real, in.mix);
  DevicePass pass = critic_.forward(critic, at::cat({real, fakes.image, between}), batch, alpha(kind, in));

  const at::Tensor on_real = pass.out.narrow(0, 0, batch).select(1, 0);
  const at::Tensor fake_out = pass.out.narrow(0, batch, batch);
  const Classes classes = classify(kind.generator, fake_out);
  const auto each = 1.0 / static_cast<double>(batch);
  pass.d_out = at::zeros_like(pass.out);
  pass.d_out.narrow(0, 0, batch).select(1, 0).copy_((on_real * (2 * losses_.drift) - 1) * each);
  pass.d_out.narrow(0, batch, batch).select(1, 0).fill_(each);
  pass.d_out.narrow(0, 2 * batch, batch).select(1, 0).fill_(1);
  if (classes.d_logits.defined())
    pass.d_out.narrow(0, batch, batch).narrow(1, 1, critic_.heads() - 1).copy_(classes.d_logits);

  const at::Tensor slope = critic_.backward(
      critic, pass, {.weighted = 2 * batch, .deviation_groups = 2, .image_from = 2 * batch}, gradient);
  const at::Tensor norm = at::sqrt(at::sum(at::square(slope), {1, 2, 3}, true));
  const at::Tensor penalty = at::mean(at::square(norm - 1));
  // d/dslope of lambda / batch * (|slope| - 1)^2; where |slope| = 0 it has no direction: none is taken
  const at::Tensor factor =
      at::where(norm > 0, (norm - 1) / norm * (2 * losses_.gradient_penalty * each), at::zeros_like(norm));
  critic_.linear(critic, pass, at::mul(slope, factor), 2 * batch);
  critic_.weight_gradients(critic, pass, gradient);

  const at::Tensor distance = at::mean(on_real) - at::mean(fake_out.select(1, 0));
  const at::Tensor loss = losses_.drift * at::mean(at::square(on_real)) - distance +
                          losses_.gradient_penalty * penalty + classes.entropy;
  scores.copy_(at::stack({loss, distance, penalty, classes.accuracy}));
  return fakes;
}

void DeviceStep::generator_stage(const DeviceKind& kind, const DeviceInput& in, const DeviceFakes& fakes,
                                 const DeviceWeights& critic, const DeviceWeights& generator,
                                 at::Tensor& gradient, at::Tensor& loss) const {
  const std::int64_t batch = in.real.size(0);
  DevicePass pass = critic_.forward(critic, fakes.image, batch, alpha(kind, in));
  const Classes classes = classify(kind.generator, pass.out);
  pass.d_out = at::zeros_like(pass.out);
  pass.d_out.select(1, 0).fill_(-1.0 / static_cast<double>(batch));
  if (classes.d_logits.defined())
    pass.d_out.narrow(1, 1, critic_.heads() - 1).copy_(classes.d_logits * losses_.diversity);
  at::Tensor none;
  const at::Tensor d_image =
      critic_.backward(critic, pass, {.weighted = 0, .deviation_groups = 1, .image_from = 0}, none);
  generator_.backward(generator, fakes, alpha(kind, in), d_image, gradient);
  loss.copy_((losses_.diversity * classes.entropy - at::mean(pass.out.select(1, 0))).view({1}));
}

}  // namespace troupe::gan
