#pragma once
// The GAN on one device of one thread: the job of train/gan/program.hpp, its shards computed one after the
// other by LibTorch's operators. Its reductions' buffers are the device's memory.
#include <memory>
#include <optional>
#include <vector>

#include "predict/module/measured.hpp"
#include "train/gan/device/late_runtime.hpp"
#include "train/gan/device/replica.hpp"
#include "train/gan/device/step.hpp"
#include "train/gan/program.hpp"

namespace troupe::gan {

/// Contracts are Program's, but that all calls (make_batch and forecast apart) come from the runtime's
/// thread. An update of a reduction is made whole, when the next stage or the commit wants it.
/// Without a device (before use(), after leave()) networks grow, are restored and copied in the host's
/// memory; after leave() their state is what state() last gave.
class DeviceProgram final : public Program {
 public:
  /// `job`: what is computed, and the host's copy of the networks.
  DeviceProgram(std::shared_ptr<GanProgram> job, std::unique_ptr<DeviceRuntime> runtime);
  /// Of a job that has no slice yet: use() brings it.
  DeviceProgram(std::shared_ptr<GanProgram> job, at::ScalarType compute);

  std::int64_t steps() const override { return job_->steps(); }
  Moment moment(std::int64_t step) const override { return job_->moment(step); }
  int phases() const override { return job_->phases(); }
  int shards() const override { return job_->shards(); }
  int images_per_step() const override { return job_->images_per_step(); }
  int stages() const override { return 2; }
  double relative_seconds(int phase) const override { return job_->relative_seconds(phase); }
  double relative_bytes(int phase) const override { return job_->relative_bytes(phase); }
  /// Of a slice of a GPU, with what a GPU takes beyond the host; bytes alone.
  std::optional<PhaseForecast> forecast(int phase) const override;
  Batch make_batch(std::int64_t step) const override { return job_->make_batch(step); }
  std::uint64_t data_identity() const override { return job_->data_identity(); }

  void use(DeviceSlice& slice) override;
  void leave() override;
  std::span<const std::shared_ptr<Replica>> replicas() override { return replicas_; }
  BatchQueue& batches() override { return job_->batches(); }
  void enter(const Moment& moment) override;
  void begin_step(std::int64_t step) override;
  void compute(int stage, int shard, std::int64_t step) override;
  std::span<const Reduction> reductions(int stage) override { return reductions_[stage]; }
  void update(int stage, int reduction, std::size_t begin, std::size_t end) override;
  void commit(std::int64_t step) override;
  void roll_back() override;
  std::vector<std::string> score_names() const override { return job_->score_names(); }
  double shard_score(int score, int shard) const override;
  std::vector<Image> real_images(int count, const Moment& moment) const override {
    return job_->real_images(count, moment);
  }

  DeviceRuntime& runtime() { return *runtime_; }

 private:
  static constexpr int kScores = 5;
  /// Of a phase. All that is read and written inside a graph, so that it stays where it is.
  struct Phase {
    Phase(DeviceProgram& program, int number);
    int number;
    DeviceStep step;
    DeviceInput input;
    DeviceWeights critic;
    std::vector<DeviceWeights> generators;
    at::Tensor critic_gradient, generator_gradient, scores, loss;
    std::uint64_t addresses = 0;
  };
  struct Shard {
    at::Tensor critic_gradient, generator_gradient;
  };
  DeviceReplica& net(int replica) { return *nets_[static_cast<std::size_t>(replica)]; }
  void build(int phase);
  void clear();
  void make_reductions();
  void make_updates();
  void read_weights(int stage);
  cuda::GraphKey key(int stage, const DeviceKind& kind) const;

  std::shared_ptr<GanProgram> job_;
  mutable meta::Measured measured_;  // thread-safe
  std::unique_ptr<DeviceRuntime> runtime_;
  at::ScalarType compute_ = at::kFloat;  // of what use() opens
  LateRuntime* late_ = nullptr;          // runtime_, where use() opens it
  std::vector<std::shared_ptr<DeviceReplica>> nets_;
  std::vector<std::shared_ptr<Replica>> replicas_;
  std::unique_ptr<Phase> phase_;
  std::vector<Shard> shards_;
  std::vector<at::Tensor> sums_;  // reduced gradients, one a replica
  std::vector<Reduction> reductions_[2];
  at::Tensor scores_;  // [shards, kScores]
  // of the step
  std::int64_t step_ = 0;
  float alpha_ = 1;
  int stage_read_ = -1;                 // whose weights were read
  std::vector<char> wanted_[2];         // updates asked for, by reduction
  mutable std::vector<float> on_host_;  // scores_; empty: not fetched
  std::shared_ptr<const Batch> batch_;
};

}  // namespace troupe::gan
