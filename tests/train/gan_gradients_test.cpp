// The gradients that train/gan writes out by hand, against LibTorch's autograd over the same losses written
// plainly.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <map>
#include <string>
#include <tuple>

#include "base/random.hpp"
#include "gpu/torch_allocator.hpp"
#include "tests/train/gan_fakes.hpp"
#include "tests/train/gan_network.hpp"
#include "train/gan/program.hpp"

namespace troupe::gan {
namespace {

/// A network written as one would in Python: 3x3 kernels, explicit resampling, channels first, autograd.
struct Reference {
  const NetShape& shape;
  int size;
  double alpha;
  std::map<std::string, at::Tensor> raw;  // leaves, by name
  const ParamTable& table;

  Reference(const NetShape& s, const GanReplica& replica, int phase, double fade)
      : shape(s), size(s.resolution(phase)), alpha(fade), table(replica.table()) {
    for (const Param& p : table.params())
      if (p.phase <= phase)
        raw[p.name] = at::from_blob(const_cast<float*>(replica.raw().data()) + p.offset, p.shape, at::kFloat)
                          .to(at::kDouble)
                          .clone()
                          .requires_grad_(true);
  }
  at::Tensor weight(const std::string& name) const {
    return raw.at(name) * static_cast<double>(table.at(name).scale);
  }
  /// [out, 3, 3, in] -> [out, in, 3, 3]; "up" is stored [in, 3, 3, out].
  at::Tensor kernel(const std::string& name) const {
    const at::Tensor w = weight(name);
    return table.at(name).kernel == Kernel::up ? w.permute({3, 0, 1, 2}) : w.permute({0, 3, 1, 2});
  }
  static at::Tensor channel(const at::Tensor& b) { return b.view({1, -1, 1, 1}); }
  static at::Tensor act(const at::Tensor& x) { return at::leaky_relu(x, 0.2); }
  static at::Tensor norm(const at::Tensor& x) { return x / at::sqrt(x.square().mean(1, true) + 1e-8); }
  static at::Tensor up(const at::Tensor& x) { return x.repeat_interleave(2, 2).repeat_interleave(2, 3); }
  std::string at_size(int r, const char* what) const { return std::to_string(r) + "." + what; }

  at::Tensor generate(const at::Tensor& latent) const {
    const std::int64_t n = latent.size(0), c4 = shape.width(4);
    at::Tensor h =
        at::mm(norm(latent), weight("4.dense.weight").t()).view({n, 4, 4, c4}).permute({0, 3, 1, 2});
    h = norm(act(h + channel(raw.at("4.dense.bias"))));
    h = norm(act(at::conv2d(h, kernel("4.conv.weight"), {}, 1, 1) + channel(raw.at("4.conv.bias"))));
    at::Tensor low;
    for (int r = 8; r <= size; r *= 2) {
      low = h;
      h = norm(act(at::conv2d(up(h), kernel(at_size(r, "up.weight")), {}, 1, 1) +
                   channel(raw.at(at_size(r, "up.bias")))));
      h = norm(act(at::conv2d(h, kernel(at_size(r, "conv.weight")), {}, 1, 1) +
                   channel(raw.at(at_size(r, "conv.bias")))));
    }
    const auto image = [&](const at::Tensor& x, int r) {
      const at::Tensor w = weight(at_size(r, "rgb.weight"));
      return at::conv2d(x, w.view({w.size(0), w.size(1), 1, 1})) + channel(raw.at(at_size(r, "rgb.bias")));
    };
    return alpha < 1 ? alpha * image(h, size) + (1 - alpha) * up(image(low, size / 2)) : image(h, size);
  }

  at::Tensor criticise(const at::Tensor& x, bool constant_deviation) const {
    const auto from_image = [&](const at::Tensor& image, int r) {
      const at::Tensor w = weight(at_size(r, "rgb.weight")).t();
      return act(at::conv2d(image, w.reshape({w.size(0), w.size(1), 1, 1})) +
                 channel(raw.at(at_size(r, "rgb.bias"))));
    };
    at::Tensor h = from_image(x, size);
    for (int r = size; r > 4; r /= 2) {
      h = act(at::conv2d(h, kernel(at_size(r, "conv.weight")), {}, 1, 1) +
              channel(raw.at(at_size(r, "conv.bias"))));
      h = at::avg_pool2d(at::conv2d(h, kernel(at_size(r, "down.weight")), {}, 1, 1), 2);
      h = act(h + channel(raw.at(at_size(r, "down.bias"))));
      if (r == size && alpha < 1) h = alpha * h + (1 - alpha) * from_image(at::avg_pool2d(x, 2), size / 2);
    }
    at::Tensor s = at::sqrt((h - h.mean(0, true)).square().mean(0) + 1e-8).mean();
    if (constant_deviation) s = s.detach();
    const at::Tensor both = at::cat({h, s.expand({h.size(0), 1, 4, 4})}, 1);
    const at::Tensor taps = weight("4.deviation.weight").permute({2, 0, 1}).unsqueeze(1);
    h = act(at::conv2d(both, at::cat({kernel("4.conv.weight"), taps}, 1), {}, 1, 1) +
            channel(raw.at("4.conv.bias")));
    h = at::mm(h.permute({0, 2, 3, 1}).reshape({h.size(0), -1}), weight("4.dense.weight").t());
    h = act(h + raw.at("4.dense.bias"));
    return at::mm(h, weight("4.head.weight").t()) + raw.at("4.head.bias");
  }
};

at::Tensor entropy(const at::Tensor& out, int generator) {
  if (out.size(1) == 1) return at::zeros({}, at::kDouble);
  const at::Tensor classes = out.narrow(1, 1, out.size(1) - 1);
  return -at::log_softmax(classes, 1).select(1, generator).mean();
}

using Case = std::tuple<int, int, double, int>;  // generators, phase, fade, channels
class Gradients : public testing::TestWithParam<Case> {
 protected:
  static constexpr int kBatch = 5;
  NetShape shape_{std::get<0>(GetParam()), 7, std::get<3>(GetParam()), 96, 20, 4, 16};
  int phase_ = std::get<1>(GetParam());
  float alpha_ = static_cast<float>(std::get<2>(GetParam()));
  Losses losses_{10, 0.5, 0.7};  // more drift than one would take, so that a wrong one shows
  ShardInput in_{3, 11, 1, shape_.generators - 1, kBatch, alpha_};

  std::vector<float> real_images() const {
    const auto size = static_cast<std::size_t>(shape_.resolution(phase_));
    std::vector<float> real(kBatch * size * size * static_cast<std::size_t>(shape_.image_channels));
    Draw(2, 0, 0, Purpose::test).fill_normal(real);
    return real;
  }
  static void expect_close(const Reference& reference, const at::Tensor& loss,
                           const std::vector<float>& gradient) {
    std::vector<at::Tensor> leaves;
    std::vector<std::string> names;
    for (const auto& [name, leaf] : reference.raw) {
      names.push_back(name);
      leaves.push_back(leaf);
    }
    const auto wanted = torch::autograd::grad({loss}, leaves, {}, false, false, true);
    for (std::size_t i = 0; i < names.size(); ++i) {
      const Param& p = reference.table.at(names[i]);
      const at::Tensor got =
          at::from_blob(const_cast<float*>(gradient.data()) + p.offset, p.shape, at::kFloat).to(at::kDouble);
      if (!wanted[i].defined()) {
        EXPECT_EQ(got.abs().max().item<double>(), 0) << names[i] << " has no part in this phase";
        continue;
      }
      const double scale = wanted[i].norm().item<double>();
      EXPECT_LE((got - wanted[i]).norm().item<double>(), 1e-4 * scale + 1e-6) << names[i];
      if (names[i] != "4.deviation.weight") {
        EXPECT_GT(scale, 0) << names[i];
      }
    }
  }
};

TEST_P(Gradients, OfBothStagesAreAutograds) {
  use_one_torch_thread();
  GanReplica critic = test::make_network(shape_, -1), generator = test::make_network(shape_, 0);
  test::randomise(critic, phase_, 1);
  test::randomise(generator, phase_, 1);
  const Critic d(shape_, critic.table(), phase_);
  const Generator g(shape_, generator.table(), phase_);
  const ShardStep step(shape_, losses_, d, g);
  const auto real = real_images();
  std::vector<float> critic_gradient(critic.size(), 0.0F), generator_gradient(generator.size(), 0.0F);
  CriticScores scores;
  double generator_loss = 0;
  {
    const at::NoGradGuard none;
    auto done = step.critic_stage(in_, real.data(), critic.effective(), generator.effective(),
                                  critic_gradient.data(), scores);
    for (int part = 0; part < d.gradient_parts(); ++part)
      d.weight_gradient(part, critic.effective(), done.pass, critic_gradient.data());
    generator_loss = step.generator_stage(in_, done.fakes, critic.effective(), generator.effective(),
                                          generator_gradient.data());
    for (int part = 0; part < g.gradient_parts(); ++part)
      g.weight_gradient(part, generator.effective(), done.fakes, generator_gradient.data());
  }

  const Reference rd(shape_, critic, phase_, alpha_), rg(shape_, generator, phase_, alpha_);
  at::Tensor latent = at::empty({kBatch, shape_.latent});
  Draw(in_.seed, in_.step, in_.shard, Purpose::latent)
      .fill_normal({data(latent), static_cast<std::size_t>(latent.numel())});
  at::Tensor mix = at::empty({kBatch, 1, 1, 1});
  Draw draw(in_.seed, in_.step, in_.shard, Purpose::mix);
  for (int i = 0; i < kBatch; ++i) data(mix)[i] = draw.uniform();
  const int size = shape_.resolution(phase_);
  at::Tensor x =
      at::from_blob(const_cast<float*>(real.data()), {kBatch, shape_.image_channels, size, size}, at::kFloat)
          .to(at::kDouble);
  if (alpha_ < 1) x = alpha_ * x + (1 - alpha_) * Reference::up(at::avg_pool2d(x, 2));
  const at::Tensor fake = rg.generate(latent.to(at::kDouble)), still = fake.detach();
  const at::Tensor between = (mix * x + (1 - mix) * still).detach().requires_grad_(true);
  const at::Tensor on_real = rd.criticise(x, false), on_fake = rd.criticise(still, false);
  const at::Tensor slope =
      torch::autograd::grad({rd.criticise(between, true).select(1, 0).sum()}, {between}, {}, true, true)[0];
  const at::Tensor penalty = (slope.flatten(1).norm(2, 1) - 1).square().mean();
  const at::Tensor critic_loss = on_fake.select(1, 0).mean() - on_real.select(1, 0).mean() +
                                 losses_.drift * on_real.select(1, 0).square().mean() +
                                 losses_.gradient_penalty * penalty + entropy(on_fake, in_.generator);
  EXPECT_NEAR(scores.loss, critic_loss.item<double>(), 1e-4 * std::abs(critic_loss.item<double>()));
  EXPECT_NEAR(scores.penalty, penalty.item<double>(), 1e-4 * penalty.item<double>());
  expect_close(rd, critic_loss, critic_gradient);

  const at::Tensor judged = rd.criticise(fake, false);
  const at::Tensor loss = -judged.select(1, 0).mean() + losses_.diversity * entropy(judged, in_.generator);
  EXPECT_NEAR(generator_loss, loss.item<double>(), 1e-4 * std::abs(loss.item<double>()));
  expect_close(rg, loss, generator_gradient);
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  const auto [generators, phase, fade, channels] = info.param;
  return "K" + std::to_string(generators) + "Phase" + std::to_string(phase) + "Fade" +
         std::to_string(static_cast<int>(100 * fade)) + "Channels" + std::to_string(channels);
}

INSTANTIATE_TEST_SUITE_P(Phases, Gradients,
                         testing::Values(Case{1, 0, 1, 1}, Case{3, 0, 1, 3}, Case{2, 1, 1, 1},
                                         Case{2, 1, 0.3, 1}, Case{3, 1, 0.6, 3}, Case{1, 2, 1, 3},
                                         Case{2, 2, 0.5, 1}, Case{2, 2, 1, 1}),
                         case_name);

}  // namespace
}  // namespace troupe::gan
