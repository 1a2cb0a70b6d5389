#pragma once
// One shard's share of a step by LibTorch's operators, on any device: what train/gan/shard.hpp is on a CPU,
// with the same losses, the same random numbers and the same flat gradients. Nothing in a stage waits for the
// device, and nothing but its input tensors differs from step to step: it can be captured as a CUDA graph.
#include "train/gan/device/critic.hpp"
#include "train/gan/device/generator.hpp"
#include "train/gan/shard.hpp"

namespace troupe::gan {

/// A shard's input where it is computed. The tensors stay where they are from step to step; fill() changes
/// what is in them.
class DeviceInput {
 public:
  DeviceInput(const NetShape& shape, int batch, int phase, const DeviceOptions& options);
  /// real: [batch, channels, size, size] in -1 … 1, on the host, copied before the call comes back. The
  /// random numbers are those of ShardStep.
  void fill(const ShardInput& in, const float* real);

  at::Tensor real, latent, mix;  // [batch, channels, size, size], [batch, latent], [batch, 1, 1, 1]
  at::Tensor alpha;              // [] float
};

/// What of a step is fixed while its tensors' values change.
struct DeviceKind {
  int generator = 0;    // whose fakes
  bool fading = false;  // whether alpha counts
};

class DeviceStep {
 public:
  DeviceStep(const NetShape& shape, const Losses& losses, const ParamTable& critic,
             const ParamTable& generator, int phase, const DeviceOptions& options)
      : losses_(losses),
        options_(options),
        critic_(shape, critic, phase, options),
        generator_(shape, generator, phase, options) {}

  const DeviceCritic& critic() const { return critic_; }
  const DeviceGenerator& generator() const { return generator_; }

  /// The critic's loss and its gradient, whole. scores: [4], the parts of CriticScores in their order.
  /// Returns what the generator's stage may go on from.
  DeviceFakes critic_stage(const DeviceKind& kind, const DeviceInput& in, const DeviceWeights& critic,
                           const DeviceWeights& generator, at::Tensor& gradient, at::Tensor& scores) const;
  /// The generator's loss, into loss [1], and its gradient. `fakes`: of the critic's stage, or of
  /// make_fakes().
  void generator_stage(const DeviceKind& kind, const DeviceInput& in, const DeviceFakes& fakes,
                       const DeviceWeights& critic, const DeviceWeights& generator, at::Tensor& gradient,
                       at::Tensor& loss) const;
  DeviceFakes make_fakes(const DeviceKind& kind, const DeviceInput& in, const DeviceWeights& generator) const;

 private:
  struct Classes {
    at::Tensor entropy, accuracy, d_logits;  // d_logits: [n, heads - 1]; undefined where there is no class
  };
  Classes classify(int generator, const at::Tensor& out) const;
  at::Tensor alpha(const DeviceKind& kind, const DeviceInput& in) const {
    return kind.fading ? in.alpha : at::Tensor();
  }

  Losses losses_;
  DeviceOptions options_;
  DeviceCritic critic_;
  DeviceGenerator generator_;
};

}  // namespace troupe::gan
