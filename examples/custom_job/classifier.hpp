#pragma once
// A job of one's own: tells axial, coronal and sagittal slices of the MRI volumes apart. It shows all that
// the runtime wants of a Program; the runtime does the rest (cores, resizes, reductions, checkpoints,
// metrics).
#include <array>
#include <memory>
#include <span>
#include <vector>

#include "data/batch.hpp"
#include "data/pyramid.hpp"
#include "data/sampler.hpp"
#include "network.hpp"
#include "options.hpp"
#include "train/program.hpp"
#include "weights.hpp"

namespace classifier {

/// One data set a class: the slices along one axis.
using DataSets = std::array<std::shared_ptr<const troupe::Pyramid>, kClasses>;

class Classifier : public troupe::Program {
 public:
  Classifier(Options options, std::int64_t seed, DataSets data);

  // One phase: every step costs the same.
  std::int64_t steps() const override { return options_.steps; }
  troupe::Moment moment(std::int64_t step) const override;
  int phases() const override { return 1; }
  int shards() const override { return options_.shards; }
  int images_per_step() const override { return options_.shards * options_.shard_batch; }
  int stages() const override { return 1; }
  double relative_seconds(int) const override { return 1; }
  double relative_bytes(int) const override { return 1; }
  troupe::Batch make_batch(std::int64_t step) const override;

  std::span<const std::shared_ptr<troupe::Replica>> replicas() override { return replicas_; }
  troupe::BatchQueue& batches() override { return batches_; }
  void enter(const troupe::Moment&) override {}
  void begin_step(std::int64_t) override { weights_->remember(); }
  void compute(int stage, int shard, std::int64_t step) override;
  std::span<const troupe::Reduction> reductions(int) override { return {&reduction_, 1}; }
  void update(int stage, int reduction, std::size_t begin, std::size_t end) override;
  void commit(std::int64_t) override {}
  void roll_back() override { weights_->go_back(); }
  std::vector<std::string> score_names() const override { return {"loss", "accuracy"}; }
  double shard_score(int score, int shard) const override;

 private:
  Options options_;
  DataSets data_;
  std::int64_t images_;  // of all classes
  troupe::Sampler sampler_;
  troupe::BatchQueue batches_{3};
  std::shared_ptr<Weights> weights_;
  std::vector<std::shared_ptr<troupe::Replica>> replicas_;
  std::vector<std::vector<float>> gradients_;  // of each shard
  std::vector<double> losses_, correct_;       // of each shard, in the step at hand
  std::vector<float> sum_;
  troupe::Reduction reduction_;
};

}  // namespace classifier
