#pragma once
// Both stages of one shard's step over a slice, without a program around them.
#include <memory>
#include <string>

#include "tests/gpu/check/step/world.hpp"
#include "tests/train/gan_device.hpp"
#include "train/gan/device/slice_runtime.hpp"

namespace troupe::cuda::check {

constexpr int kBatch = 16;

/// A slice with all that a step over it needs, one type of features at a time.
struct StepSlice {
  std::unique_ptr<GpuSlice> slice;
  std::unique_ptr<TorchHalf> half;
  std::unique_ptr<gan::DeviceRuntime> runtime;

  StepSlice(const World& world, const std::vector<int>& pieces, at::ScalarType compute) {
    slice = want(GpuSlice::open(
        world.driver, world.cut,
        {.owner = "gpu-check", .run = PieceSet::of(pieces), .budget = world.most, .most = world.most}));
    half = want(world.attach(*slice));
    runtime = gan::make_slice_runtime({world.driver, world.kernels, slice.get(), half.get()},
                                      world.options(compute));
  }
};

/// With all that the stages read and write at one place. Goes before its slice.
class Step {
 public:
  Step(gan::TwoSteps& two, int phase, gan::DeviceRuntime& runtime)
      : two_(two), phase_(phase), runtime_(runtime) {
    runtime.run([&] {
      step_ = std::make_unique<gan::DeviceStep>(two.shape(), two.losses, two.critic.table(),
                                                two.generator.table(), phase, runtime.options());
      input_ = std::make_unique<gan::DeviceInput>(two.shape(), kBatch, phase, runtime.options());
      input_->fill(two.input(), two.real().data());
    });
    critic_gradient = runtime.buffer(step_->critic().table().count());
    generator_gradient = runtime.buffer(step_->generator().table().count());
    scores_ = runtime.buffer(4);
    loss_ = runtime.buffer(1);
    runtime.run([&] {
      const auto device = runtime.options().device;
      critic_raw_ = gan::TwoSteps::raw(two.critic).to(device);
      generator_raw_ = gan::TwoSteps::raw(two.generator).to(device);
      critic_ = step_->critic().table().effective(critic_raw_);
      generator_ = step_->generator().table().effective(generator_raw_);
    });
  }
  /// The weights as they are read, then both stages.
  void work() {
    step_->critic().table().refresh(critic_, critic_raw_);
    step_->generator().table().refresh(generator_, generator_raw_);
    stages();
  }
  void stages() {
    const gan::DeviceKind kind{two_.input().generator, two_.input().alpha < 1};
    const auto fakes = step_->critic_stage(kind, *input_, critic_, generator_, critic_gradient, scores_);
    step_->generator_stage(kind, *input_, fakes, critic_, generator_, generator_gradient, loss_);
  }
  void run_eagerly() {
    runtime_.run([&] { stages(); });
  }
  void run_as_graph() {
    GraphKey key;
    key.phase = std::to_string(phase_);
    key.precision = runtime_.options().compute == at::kFloat ? "float32" : "bfloat16";
    runtime_.run(key, [&] { stages(); });
  }
  gan::StepResult result() {
    gan::StepResult r{std::vector<float>(static_cast<std::size_t>(critic_gradient.numel())),
                      std::vector<float>(static_cast<std::size_t>(generator_gradient.numel())),
                      {}};
    runtime_.to_host(r.critic.data(), critic_gradient);
    runtime_.to_host(r.generator.data(), generator_gradient);
    return r;
  }
  at::Tensor critic_gradient, generator_gradient;

 private:
  gan::TwoSteps& two_;
  int phase_;
  gan::DeviceRuntime& runtime_;
  std::unique_ptr<gan::DeviceStep> step_;
  std::unique_ptr<gan::DeviceInput> input_;
  at::Tensor scores_, loss_, critic_raw_, generator_raw_;
  gan::DeviceWeights critic_, generator_;
};

}  // namespace troupe::cuda::check
