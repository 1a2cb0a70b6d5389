#include "train/gan/device/forecast.hpp"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "gpu/torch_allocator.hpp"
#include "predict/module/step.hpp"
#include "train/gan/device/step.hpp"

namespace troupe::gan {
namespace {

constexpr std::int64_t kGranule = 512;  // GpuSliceOptions::granule

/// Of DeviceRuntime::buffer.
std::int64_t block(std::int64_t floats) {
  return (floats * static_cast<std::int64_t>(sizeof(float)) + kGranule - 1) / kGranule * kGranule;
}

/// As DeviceReplica, DeviceProgram and its Phase ask for them.
std::int64_t blocks(const GanConfig& config, std::int64_t critic, std::int64_t generator) {
  constexpr int kSides = 2, kOfCritic = 2, kOfGenerator = 3, kScores = 5;  // parameters, moment, average
  const std::int64_t state =
      kSides * (kOfCritic * block(critic) + config.generators * kOfGenerator * block(generator));
  const std::int64_t sums = block(critic) + config.generators * block(generator);
  const std::int64_t gradients = (config.shards + 1) * (block(critic) + block(generator));
  return state + sums + gradients + block(std::int64_t{config.shards} * kScores) + block(kScores - 1) +
         block(1);
}

at::Tensor nowhere(std::int64_t floats) {
  return at::empty({floats}, at::TensorOptions(at::kMeta).dtype(at::kFloat));
}

/// A phase's tensors as DeviceProgram::Phase has them; everything that the slice has as blocks is outside.
struct Phase {
  DeviceInput input;
  DeviceWeights critic;
  std::vector<DeviceWeights> generators;
};

/// The scales and resampling kernels of both networks (DeviceTable) and the critic's ConstantChannel: made
/// before the run on the meta device, since they are written on the host.
std::int64_t constants(std::int64_t critic, std::int64_t generator) {
  constexpr std::int64_t kKernels = 5, kTaps = 16 * 9;  // floats of each
  const auto floats = [](std::int64_t n) {
    return charged_bytes(static_cast<std::size_t>(n) * sizeof(float)).count;
  };
  return floats(critic) + floats(generator) + kKernels * floats(kTaps);
}

/// Of one kind of step, both stages, and the weights read anew before each.
std::int64_t tensors(const GanConfig& config, const NetShape& shape, const ParamTable& critic,
                     const ParamTable& generator, int phase, bool fading, DeviceOptions options,
                     meta::Measured& measured) {
  const c10::InferenceMode no_autograd;
  options.device = at::kMeta;
  const DeviceStep step(shape, Losses{}, critic, generator, phase, options);
  const DeviceKind kind{0, fading};
  const auto critic_count = static_cast<std::int64_t>(critic.count(phase));
  const auto generator_count = static_cast<std::int64_t>(generator.count(phase));
  const at::Tensor raw_critic = nowhere(critic_count), raw_generator = nowhere(generator_count);
  at::Tensor critic_gradient = nowhere(critic_count), generator_gradient = nowhere(generator_count);
  at::Tensor scores = nowhere(4), loss = nowhere(1);
  const auto build = [&]() -> meta::ModuleStep {
    const auto p = std::make_shared<Phase>(Phase{DeviceInput(shape, config.shard_batch, phase, options),
                                                 step.critic().table().effective(raw_critic),
                                                 {}});
    for (int k = 0; k < config.generators; ++k)
      p->generators.push_back(step.generator().table().effective(raw_generator));
    return {{}, [&, p] {
              step.critic().table().refresh(p->critic, raw_critic);
              for (auto& weights : p->generators) step.generator().table().refresh(weights, raw_generator);
              (void)step.critic_stage(kind, p->input, p->critic, p->generators.front(), critic_gradient,
                                      scores);
              step.generator_stage(kind, p->input, step.make_fakes(kind, p->input, p->generators.front()),
                                   p->critic, p->generators.front(), generator_gradient, loss);
            }};
  };
  const auto told = meta::forecast_step(build, measured);
  if (!told) throw ErrorException(told.error());
  return told->peak + constants(critic_count, generator_count);
}

}  // namespace

DeviceBytes forecast_device(const GanConfig& config, const NetShape& shape, int phase,
                            const DeviceOptions& options, meta::Measured& measured) {
  const ParamTable critic = critic_table(shape), generator = generator_table(shape);
  DeviceBytes bytes;
  bytes.blocks = {blocks(config, static_cast<std::int64_t>(critic.count(phase)),
                         static_cast<std::int64_t>(generator.count(phase)))};
  for (const bool fading : {false, true}) {
    if (fading && (phase == 0 || config.fade <= 0)) continue;
    bytes.tensors = std::max(
        bytes.tensors, Bytes{tensors(config, shape, critic, generator, phase, fading, options, measured)});
  }
  return bytes;
}

Bytes on_gpu(const DeviceBytes& bytes, const GpuAllowance& allowance) {
  return {bytes.blocks.count + allowance.pools * (bytes.tensors.count + allowance.segments.count) +
          allowance.workspaces.count};
}

}  // namespace troupe::gan
