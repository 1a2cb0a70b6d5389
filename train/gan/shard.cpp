#include "train/gan/shard.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/random.hpp"
#include "train/gan/kernels.hpp"

namespace troupe::gan {

at::Tensor ShardStep::mixed_images(const ShardInput& in, const float* real, const at::Tensor& fakes) const {
  const std::int64_t size = critic_.size(), channels = shape_.image_channels, plane = size * size;
  const std::int64_t each = plane * channels, all = in.batch * each;
  at::Tensor images = at::empty({3 * in.batch, size, size, channels});
  float* x = data(images);
  to_channels_last(x, real, in.batch, channels, plane);
  if (in.alpha < 1) {
    const at::Tensor low = at::empty({in.batch, size / 2, size / 2, channels});
    pool(data(low), x, in.batch, size, channels);
    blend_up(x, in.alpha, data(low), 1 - in.alpha, in.batch, size, channels);
  }
  scaled_copy(x + all, data(fakes), 1, all);
  Draw draw(in.seed, in.step, in.shard, Purpose::mix);
  for (std::int64_t i = 0; i < in.batch; ++i) {
    const float t = draw.uniform();
    blend(x + 2 * all + i * each, x + i * each, t, x + all + i * each, 1 - t, each);
  }
  return images;
}

double ShardStep::classify(const ShardInput& in, const float* out, float* d, double weight,
                           double& accuracy) const {
  const int heads = critic_.heads(), classes = heads - 1;
  double sum = 0, hits = 0;
  for (int i = 0; i < in.batch && classes > 0; ++i) {
    const float* logits = out + i * heads + 1;
    const float highest = *std::max_element(logits, logits + classes);
    double total = 0;
    for (int k = 0; k < classes; ++k) total += std::exp(static_cast<double>(logits[k]) - highest);
    for (int k = 0; k < classes; ++k) {
      const double share = std::exp(static_cast<double>(logits[k]) - highest) / total;
      d[i * heads + 1 + k] = static_cast<float>(weight / in.batch * (share - (k == in.generator ? 1 : 0)));
    }
    sum += std::log(total) + highest - logits[in.generator];
    hits += std::max_element(logits, logits + classes) - logits == in.generator ? 1 : 0;
  }
  accuracy = classes > 0 ? hits / in.batch : 1;
  return sum / in.batch;
}

double ShardStep::penalise(const ShardInput& in, at::Tensor& gradient) const {
  const std::int64_t each = gradient.numel() / in.batch;
  double penalty = 0;
  for (std::int64_t i = 0; i < in.batch; ++i) {
    float* g = data(gradient) + i * each;
    const double norm = std::sqrt(square_sum(g, each));
    penalty += (norm - 1) * (norm - 1);
    // d/dg of lambda / batch * (|g| - 1)^2; where |g| = 0 it has no direction: none is taken
    const double factor = norm > 0 ? 2 * losses_.gradient_penalty / in.batch * (norm - 1) / norm : 0;
    rescale(g, static_cast<float>(factor), each);
  }
  return penalty / in.batch;
}

ShardStep::CriticStage ShardStep::critic_stage(const ShardInput& in, const float* real,
                                               const float* critic_weights, const float* generator_weights,
                                               float* gradient, CriticScores& scores) const {
  const int batch = in.batch, heads = critic_.heads();
  at::Tensor latent = at::empty({batch, shape_.latent});
  Draw(in.seed, in.step, in.shard, Purpose::latent)
      .fill_normal({data(latent), static_cast<std::size_t>(latent.numel())});
  GeneratorPass fakes = generator_.forward(generator_weights, latent, in.alpha);
  CriticPass pass =
      critic_.forward(critic_weights, mixed_images(in, real, fakes.image), 3 * batch, batch, in.alpha);

  pass.d_out = at::zeros({3 * batch, heads});
  const float* out = data(pass.out);
  float* d = data(pass.d_out);
  double real_mean = 0, fake_mean = 0, square = 0;
  for (int i = 0; i < batch; ++i) {
    const double score = out[i * heads];
    real_mean += score / batch;
    square += score * score / batch;
    fake_mean += out[(batch + i) * heads] / static_cast<double>(batch);
    d[i * heads] = static_cast<float>((-1 + 2 * losses_.drift * score) / batch);
    d[(batch + i) * heads] = static_cast<float>(1.0 / batch);
    d[(2 * batch + i) * heads] = 1;
  }
  const std::int64_t second = static_cast<std::int64_t>(batch) * heads;
  const double entropy = classify(in, out + second, d + second, 1, scores.accuracy);

  at::Tensor image_gradient = critic_.backward(
      critic_weights, pass,
      {.weighted = 2 * batch, .deviation_groups = 2, .image_from = 2 * batch, .gradient = gradient});
  scores.penalty = penalise(in, image_gradient);
  critic_.linear(critic_weights, pass, image_gradient, 2 * batch);
  scores.distance = real_mean - fake_mean;
  scores.loss =
      fake_mean - real_mean + losses_.drift * square + losses_.gradient_penalty * scores.penalty + entropy;
  return {std::move(fakes), std::move(pass)};
}

double ShardStep::generator_stage(const ShardInput& in, GeneratorPass& fakes, const float* critic_weights,
                                  const float* generator_weights, float* gradient) const {
  const int batch = in.batch, heads = critic_.heads();
  CriticPass pass = critic_.forward(critic_weights, fakes.image, batch, batch, in.alpha);
  pass.d_out = at::zeros({batch, heads});
  const float* out = data(pass.out);
  float* d = data(pass.d_out);
  double mean = 0, accuracy = 0;
  for (int i = 0; i < batch; ++i) {
    mean += out[i * heads] / static_cast<double>(batch);
    d[i * heads] = static_cast<float>(-1.0 / batch);
  }
  const double entropy = classify(in, out, d, losses_.diversity, accuracy);
  const at::Tensor d_image = critic_.backward(
      critic_weights, pass, {.weighted = 0, .deviation_groups = 1, .image_from = 0, .gradient = nullptr});
  generator_.backward(generator_weights, fakes, d_image, gradient);
  return -mean + losses_.diversity * entropy;
}

}  // namespace troupe::gan
