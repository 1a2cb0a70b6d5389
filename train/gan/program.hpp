#pragma once
// The GAN as the runtime sees it: K generators and a critic over shards of one batch.
#include <atomic>
#include <memory>
#include <vector>

#include "data/pyramid.hpp"
#include "data/sampler.hpp"
#include "train/gan/replica.hpp"
#include "train/gan/schedule.hpp"
#include "train/gan/shard.hpp"

namespace troupe::gan {

class Workspaces;

/// Replica 0 is the critic, 1 + k generator k. Stage 0 is the critic's, stage 1 the generators'. Shard s is
/// served by generator s mod K and holds shard_batch real images and as many fakes.
class GanProgram final : public Program {
 public:
  GanProgram(const JobConfig& job, std::shared_ptr<const Pyramid> pyramid);
  ~GanProgram() override;

  std::int64_t steps() const override { return schedule_.steps(); }
  Moment moment(std::int64_t step) const override { return schedule_.moment(step); }
  int phases() const override { return schedule_.phases(); }
  int shards() const override { return config_.shards; }
  int images_per_step() const override { return schedule_.images_per_step(); }
  int stages() const override { return 2; }
  double relative_seconds(int phase) const override;
  double relative_bytes(int phase) const override;
  std::optional<PhaseForecast> forecast(int phase) const override;
  Batch make_batch(std::int64_t step) const override;

  std::span<const std::shared_ptr<Replica>> replicas() override { return replicas_; }
  BatchQueue& batches() override { return batches_; }
  void enter(const Moment& moment) override;
  void begin_step(std::int64_t step) override;
  void compute(int stage, int shard, std::int64_t step) override;
  std::uint64_t data_identity() const override { return pyramid_->content(); }
  int parts(int stage) const override;
  bool holds_parts(int stage) const override;
  std::vector<Elements> writes(int stage, int part) const override;
  void finish(int stage, int shard, int part, std::int64_t step) override;
  std::span<const Reduction> reductions(int stage) override;
  void update(int stage, int reduction, std::size_t begin, std::size_t end) override;
  void commit(std::int64_t step) override;
  void roll_back() override;
  std::vector<std::string> score_names() const override {
    return {"critic", "generator", "distance", "penalty", "accuracy"};
  }
  double shard_score(int score, int shard) const override;
  std::vector<Image> real_images(int count, const Moment& moment) const override;

  const NetShape& shape() const { return shape_; }
  // for a program of the same job that computes elsewhere (train/gan/device/program.hpp)
  const GanConfig& config() const { return config_; }
  std::int64_t seed() const { return job_.seed; }
  const Losses& losses() const { return losses_; }
  std::span<const std::shared_ptr<GanReplica>> nets() const { return nets_; }

 private:
  struct Shard {
    Floats critic_gradient, generator_gradient;
    GeneratorPass fakes;             // from the critic's stage to the last part of the generators'
    CriticPass pass;                 // until the last part of the critic's stage
    std::atomic<int> parts_left{0};  // of the stage
    CriticScores critic;
    double generator_loss = 0;
  };
  struct Phase {
    Phase(const GanProgram& program, int phase);
    Critic critic;
    Generator generator;
    ShardStep step;
  };
  GanReplica& critic() { return *nets_.front(); }
  GanReplica& generator(int k) { return *nets_[static_cast<std::size_t>(1 + k)]; }
  void make_reductions();

  JobConfig job_;
  GanConfig config_;
  std::shared_ptr<const Pyramid> pyramid_;
  Schedule schedule_;
  NetShape shape_;
  std::unique_ptr<Workspaces> workspaces_;  // thread-safe
  Losses losses_;
  Sampler sampler_;
  BatchQueue batches_;
  std::vector<std::shared_ptr<GanReplica>> nets_;
  std::vector<std::shared_ptr<Replica>> replicas_;
  // of the phase
  int phase_ = -1;
  std::unique_ptr<const Phase> networks_;
  std::vector<Shard> shards_;
  std::vector<Floats> sums_;  // reduced gradients, one a replica
  std::vector<Reduction> reductions_[2];
  // of the step
  std::int64_t step_ = 0;
  float alpha_ = 1;
  std::shared_ptr<const Batch> batch_;
};

}  // namespace troupe::gan
