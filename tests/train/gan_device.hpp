#pragma once
// One shard's step computed twice: by the CPU's own kernels (train/gan/shard.hpp) and by LibTorch's operators
// (train/gan/device/), from the same parameters, images and random numbers.
#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "tests/train/gan_network.hpp"
#include "train/gan/device/step.hpp"
#include "train/gan/program.hpp"

namespace troupe::gan {

struct StepResult {
  std::vector<float> critic, generator;  // flat gradients
  std::vector<double> scores;            // loss, distance, penalty, accuracy, the generator's loss
};

class TwoSteps {
 public:
  TwoSteps(const NetShape& shape, int phase, float alpha, int batch = 5, std::int64_t seed = 3)
      : shape_(shape),
        phase_(phase),
        in_{seed, 11, 1, shape.generators - 1, batch, alpha},
        critic(test::make_network(shape, -1)),
        generator(test::make_network(shape, 0)) {
    test::randomise(critic, phase, seed);
    test::randomise(generator, phase, seed);
    const auto size = static_cast<std::size_t>(shape.resolution(phase));
    real_.resize(static_cast<std::size_t>(batch) * size * size *
                 static_cast<std::size_t>(shape.image_channels));
    Draw(2, seed, 0, Purpose::test).fill_normal(real_);
  }

  /// One of which no activation is so near to zero that two orders of a sum could differ in its sign: there
  /// leaky ReLU's derivative jumps, and both were right.
  static std::unique_ptr<TwoSteps> away_from_kinks(const NetShape& shape, int phase, float alpha) {
    constexpr double kNear = 1e-6;
    for (std::int64_t seed = 3; seed < 100; ++seed) {
      auto two = std::make_unique<TwoSteps>(shape, phase, alpha, 5, seed);
      if (two->nearest_kink() > kNear) return two;
    }
    return nullptr;
  }
  /// The least absolute value of any activation of the step.
  double nearest_kink() {
    const c10::InferenceMode no_autograd;
    const Critic d(shape_, critic.table(), phase_);
    const Generator g(shape_, generator.table(), phase_);
    DeviceInput input(shape_, in_.batch, phase_, {});
    input.fill(in_, real_.data());
    const GeneratorPass fakes = g.forward(generator.effective(), input.latent.clone(), in_.alpha);
    const at::Tensor faded =
        in_.alpha < 1 ? at::lerp(device::up(device::down(input.real)), input.real, in_.alpha) : input.real;
    const at::Tensor real = faded.permute({0, 2, 3, 1}).contiguous();
    const at::Tensor between = at::lerp(fakes.image, real, input.mix);
    const CriticPass pass = d.forward(critic.effective(), at::cat({real, fakes.image, between}),
                                      3 * in_.batch, in_.batch, in_.alpha);
    std::vector<at::Tensor> all = {pass.h, pass.last, pass.dense};
    if (pass.h_low.defined()) all.push_back(pass.h_low);
    for (const auto* some : {&pass.conv, &pass.down, &fakes.y})
      all.insert(all.end(), some->begin(), some->end());
    double least = 1;
    for (const at::Tensor& a : all) least = std::min(least, a.abs().min().item<double>());
    return least;
  }

  StepResult native() {
    const c10::InferenceMode no_autograd;
    const Critic d(shape_, critic.table(), phase_);
    const Generator g(shape_, generator.table(), phase_);
    const ShardStep step(shape_, losses, d, g);
    StepResult r{std::vector<float>(critic.size()), std::vector<float>(generator.size()), {}};
    CriticScores s;
    auto done =
        step.critic_stage(in_, real_.data(), critic.effective(), generator.effective(), r.critic.data(), s);
    for (int part = 0; part < d.gradient_parts(); ++part)
      d.weight_gradient(part, critic.effective(), done.pass, r.critic.data());
    const double loss =
        step.generator_stage(in_, done.fakes, critic.effective(), generator.effective(), r.generator.data());
    for (int part = 0; part < g.gradient_parts(); ++part)
      g.weight_gradient(part, generator.effective(), done.fakes, r.generator.data());
    r.scores = {s.loss, s.distance, s.penalty, s.accuracy, loss};
    return r;
  }

  StepResult device(const DeviceOptions& options) {
    const c10::InferenceMode no_autograd;
    const DeviceStep step(shape_, losses, critic.table(), generator.table(), phase_, options);
    DeviceInput input(shape_, in_.batch, phase_, options);
    input.fill(in_, real_.data());
    const DeviceWeights d = step.critic().table().effective(raw(critic).to(options.device));
    const DeviceWeights g = step.generator().table().effective(raw(generator).to(options.device));
    const auto floats = at::TensorOptions(options.device).dtype(at::kFloat);
    // what was there before must not matter
    at::Tensor critic_gradient = at::full({step.critic().table().count()}, 7, floats);
    at::Tensor generator_gradient = at::full({step.generator().table().count()}, 7, floats);
    at::Tensor scores = at::empty({4}, floats), loss = at::empty({1}, floats);
    const DeviceKind kind{in_.generator, in_.alpha < 1};
    const DeviceFakes fakes = step.critic_stage(kind, input, d, g, critic_gradient, scores);
    step.generator_stage(kind, input, fakes, d, g, generator_gradient, loss);
    StepResult r{values(critic_gradient), values(generator_gradient), {}};
    for (const at::Tensor& t : {scores, loss})
      for (const float v : values(t)) r.scores.push_back(v);
    return r;
  }

  /// The worst of two gradients' differences over the parameters of a network: of the tensor's norm and of
  /// its largest element, each as a share of the expected one's.
  struct Worst {
    double norm = 0, element = 0;
    std::string of;
  };
  static Worst worst(const ParamTable& table, int phase, const std::vector<float>& wanted,
                     const std::vector<float>& got, double floor) {
    Worst w;
    for (const Param& p : table.params()) {
      if (p.phase > phase) break;
      double norm = floor, element = floor, off_norm = 0, off_element = 0;
      for (std::size_t i = p.offset; i < p.offset + p.count; ++i) {
        const double off = std::abs(static_cast<double>(got[i]) - wanted[i]);
        norm += static_cast<double>(wanted[i]) * wanted[i];
        off_norm += off * off;
        element = std::max(element, static_cast<double>(std::abs(wanted[i])));
        off_element = std::max(off_element, off);
      }
      const double share = std::sqrt(off_norm / norm);
      if (!(share <= w.norm)) w.of = p.name;
      w.norm = std::isnan(share) ? INFINITY : std::max(w.norm, share);
      w.element = std::max(w.element, off_element / element);
    }
    return w;
  }

  /// Of a whole network's gradient: the difference as a share of the norm.
  static double whole(const std::vector<float>& wanted, const std::vector<float>& got) {
    double off = 0, size = 0;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      size += static_cast<double>(wanted[i]) * wanted[i];
      off += static_cast<double>(got[i] - wanted[i]) * (got[i] - wanted[i]);
    }
    return std::sqrt(off / size);
  }

  const NetShape& shape() const { return shape_; }
  const ShardInput& input() const { return in_; }
  const std::vector<float>& real() const { return real_; }
  static at::Tensor raw(const GanReplica& replica) {
    return at::from_blob(const_cast<float*>(replica.raw().data()),
                         {static_cast<std::int64_t>(replica.size())}, at::kFloat);
  }
  static std::vector<float> values(const at::Tensor& t) {
    const at::Tensor host = t.to(at::kCPU).contiguous();
    return {host.data_ptr<float>(), host.data_ptr<float>() + host.numel()};
  }

 private:
  NetShape shape_;
  int phase_;
  ShardInput in_;
  std::vector<float> real_;

 public:
  GanReplica critic, generator;
  Losses losses{10, 0.5, 0.7};  // more drift than one would take, so that a wrong one shows
};

}  // namespace troupe::gan
