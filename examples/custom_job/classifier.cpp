#include "classifier.hpp"

namespace classifier {
namespace {

constexpr auto kTrain = troupe::Pyramid::Part::train;

std::int64_t count_all(const DataSets& data) {
  std::int64_t n = 0;
  for (const auto& set : data) n += set->count(kTrain);
  return n;
}

}  // namespace

Classifier::Classifier(Options options, std::int64_t seed, DataSets data)
    : options_(options),
      data_(std::move(data)),
      images_(count_all(data_)),
      sampler_(seed, images_),
      weights_(std::make_shared<Weights>(options.size, seed)),
      replicas_{weights_},
      losses_(static_cast<std::size_t>(options.shards)),
      correct_(losses_.size()) {
  const std::size_t n = parameter_count(options_.size);
  gradients_.assign(losses_.size(), std::vector<float>(n));
  sum_.resize(n);
  for (int shard = 0; shard < options_.shards; ++shard) {
    reduction_.shards.push_back(shard);
    reduction_.buffers.push_back(gradients_[static_cast<std::size_t>(shard)].data());
  }
  reduction_.out = sum_.data();
  reduction_.n = n;
  reduction_.scale = 1.0f / static_cast<float>(images_per_step());
}

troupe::Moment Classifier::moment(std::int64_t step) const {
  const std::string name = std::to_string(options_.size) + "x" + std::to_string(options_.size);
  return {.step = step,
          .phase_name = name,
          .resolution = options_.size,
          .images = step * images_per_step(),
          .phase_end = options_.steps};
}

troupe::Batch Classifier::make_batch(std::int64_t step) const {
  const auto count = static_cast<std::size_t>(images_per_step());
  const auto pixels = static_cast<std::size_t>(options_.size) * static_cast<std::size_t>(options_.size);
  troupe::Batch batch{.step = step, .count = images_per_step(), .channels = 1, .size = options_.size};
  batch.images.resize(count * pixels);
  batch.labels.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    // The classes' images stand one after the other; the sampler shuffles over all of them.
    std::int64_t index = sampler_.running(step * images_per_step() + static_cast<std::int64_t>(i));
    std::size_t label = 0;
    for (; index >= data_[label]->count(kTrain); ++label) index -= data_[label]->count(kTrain);
    data_[label]->read(kTrain, options_.size, index, std::span(batch.images).subspan(i * pixels, pixels));
    batch.labels[i] = static_cast<std::int64_t>(label);
  }
  return batch;
}

void Classifier::compute(int, int shard, std::int64_t step) {
  const auto batch = batches_.wait(step);
  const auto s = static_cast<std::size_t>(shard), n = static_cast<std::size_t>(options_.shard_batch);
  const std::size_t pixels = batch->images.size() / static_cast<std::size_t>(batch->count);
  const ShardResult result =
      loss_and_gradient(weights_->values(), std::span(batch->images).subspan(s * n * pixels, n * pixels),
                        std::span(batch->labels).subspan(s * n, n), options_.size, gradients_[s]);
  losses_[s] = result.loss;
  correct_[s] = result.correct;
}

void Classifier::update(int, int, std::size_t begin, std::size_t end) {
  weights_->descend(sum_.data(), static_cast<float>(options_.learning_rate), begin, end);
}

double Classifier::shard_score(int score, int shard) const {
  const auto& of_shards = score == 0 ? losses_ : correct_;
  return of_shards[static_cast<std::size_t>(shard)] / options_.shard_batch;
}

}  // namespace classifier
