#pragma once
// One shard's share of a step: the critic's loss and gradient, then the generator's. Depends on its arguments
// alone.
#include <optional>

#include "data/batch.hpp"
#include "train/gan/critic.hpp"
#include "train/gan/generator.hpp"

namespace troupe::gan {

struct Losses {
  double gradient_penalty = 10, drift = 1e-3, diversity = 1;
};

/// Means over the shard's images.
struct CriticScores {
  double loss = 0, distance = 0, penalty = 0, accuracy = 0;
};

struct ShardInput {
  std::int64_t seed = 0, step = 0;
  int shard = 0, generator = 0, batch = 0;
  float alpha = 1;
};

class ShardStep {
 public:
  ShardStep(const NetShape& shape, const Losses& losses, const Critic& critic, const Generator& generator)
      : shape_(shape), losses_(losses), critic_(critic), generator_(generator) {}

  /// loss = mean D(fake) - mean D(real) + drift * mean D(real)^2 + lambda * mean (|dD/dx| - 1)^2
  ///        + cross-entropy of the fakes' class. real: [batch, channels, size, size] in -1 … 1.
  /// The weight gradients are left to Critic::weight_gradient; all else of `gradient` is there. The
  /// generator's stage goes on from the generator's pass: its parameters have not changed by then.
  struct CriticStage {
    GeneratorPass fakes;
    CriticPass pass;
  };
  CriticStage critic_stage(const ShardInput& in, const float* real, const float* critic_weights,
                           const float* generator_weights, float* gradient, CriticScores& scores) const;
  /// loss = -mean D(fake) + diversity * cross-entropy of the fakes' class.
  /// The weight gradients are left to Generator::weight_gradient.
  double generator_stage(const ShardInput& in, GeneratorPass& fakes, const float* critic_weights,
                         const float* generator_weights, float* gradient) const;

 private:
  at::Tensor mixed_images(const ShardInput& in, const float* real, const at::Tensor& fakes) const;
  /// Adds weight / batch * d(cross-entropy)/d(logits) to d; returns the mean cross-entropy and counts hits.
  double classify(const ShardInput& in, const float* out, float* d, double weight, double& accuracy) const;
  double penalise(const ShardInput& in, at::Tensor& gradient) const;

  const NetShape& shape_;
  const Losses& losses_;
  const Critic& critic_;
  const Generator& generator_;
};

}  // namespace troupe::gan
