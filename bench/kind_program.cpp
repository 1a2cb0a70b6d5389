#include "bench/kind_program.hpp"

#include "base/hash.hpp"
#include "train/safetensors.hpp"

namespace troupe::bench {
namespace {

constexpr float kRate = 1e-3F, kMomentum = 0.9F;

class Copy final : public Snapshot {
 public:
  explicit Copy(std::vector<float> values) : values_(std::move(values)) {}
  Result<void> write(const std::filesystem::path& file) const override {
    const TensorRef tensors[] = {{"values", {static_cast<std::int64_t>(values_.size())}, values_}};
    return write_safetensors(file, tensors, {});
  }

 private:
  std::vector<float> values_;
};

class Flat final : public Replica {
 public:
  explicit Flat(const KindSpec& spec) : values(spec.parameters), momentum(spec.parameters) {
    spec.begin(values);
  }
  std::string name() const override { return "network"; }
  void enter(const Moment&) override {}
  std::uint64_t hash() const override { return hash_bytes(values.data(), values.size() * sizeof(float)); }
  std::int64_t parameters() const override { return static_cast<std::int64_t>(values.size()); }
  std::shared_ptr<const Snapshot> snapshot() const override { return std::make_shared<Copy>(values); }
  Result<void> restore(const std::filesystem::path& file, const Moment&) override {
    return fail(
        {.code = ErrorCode::bad_usage, .what = "a bench's job is not resumed", .where = file.string()});
  }
  std::vector<float> values, momentum;
};

class KindProgram final : public Program {
 public:
  KindProgram(KindSpec spec, std::int64_t steps)
      : spec_(std::move(spec)),
        steps_(steps),
        network_(std::make_shared<Flat>(spec_)),
        replicas_{network_},
        losses_(static_cast<std::size_t>(spec_.shards)) {}
  std::int64_t steps() const override { return steps_; }
  Moment moment(std::int64_t step) const override {
    return {.step = step, .phase_name = spec_.name, .images = step * images_per_step(), .phase_end = steps_};
  }
  int phases() const override { return 1; }
  int shards() const override { return spec_.shards; }
  int images_per_step() const override { return spec_.shards * spec_.shard_batch; }
  int stages() const override { return 1; }
  double relative_seconds(int) const override { return 1; }
  double relative_bytes(int) const override { return 1; }
  std::optional<PhaseForecast> forecast(int) const override { return spec_.forecast; }
  Batch make_batch(std::int64_t step) const override {
    Batch batch = spec_.batch(step);
    batch.step = step;
    return batch;
  }
  std::span<const std::shared_ptr<Replica>> replicas() override { return replicas_; }
  BatchQueue& batches() override { return queue_; }
  void enter(const Moment&) override {
    const auto shards = static_cast<std::size_t>(spec_.shards);
    gradients_.assign(shards, std::vector<float>(spec_.parameters));
    sum_.resize(spec_.parameters);
    works_.clear();
    reduction_ = {.replica = 0,
                  .shards = {},
                  .buffers = {},
                  .out = sum_.data(),
                  .n = sum_.size(),
                  .scale = 1.0F / static_cast<float>(shards)};
    for (std::size_t s = 0; s < shards; ++s) {
      works_.push_back(spec_.work(network_->values));
      reduction_.shards.push_back(static_cast<int>(s));
      reduction_.buffers.push_back(gradients_[s].data());
    }
  }
  void begin_step(std::int64_t step) override {
    old_values_ = network_->values;
    old_momentum_ = network_->momentum;
    batch_ = queue_.wait(step);
  }
  void compute(int, int shard, std::int64_t) override {
    const auto s = static_cast<std::size_t>(shard), all = static_cast<std::size_t>(spec_.shards);
    const std::size_t pixels = batch_->images.size() / all, labels = batch_->labels.size() / all;
    losses_[s] = works_[s]->run(std::span(batch_->images).subspan(s * pixels, pixels),
                                std::span(batch_->labels).subspan(s * labels, labels), gradients_[s]);
  }
  std::span<const Reduction> reductions(int) override { return {&reduction_, 1}; }
  void update(int, int, std::size_t begin, std::size_t end) override {
    for (std::size_t i = begin; i < end; ++i) {
      network_->momentum[i] = kMomentum * network_->momentum[i] + sum_[i];
      network_->values[i] -= kRate * network_->momentum[i];
    }
  }
  void commit(std::int64_t) override {}
  void roll_back() override {  // in place: networks lie over these very buffers
    std::copy(old_values_.begin(), old_values_.end(), network_->values.begin());
    std::copy(old_momentum_.begin(), old_momentum_.end(), network_->momentum.begin());
  }
  std::vector<std::string> score_names() const override { return {"loss"}; }
  double shard_score(int, int shard) const override { return losses_[static_cast<std::size_t>(shard)]; }

 private:
  KindSpec spec_;
  std::int64_t steps_;
  std::shared_ptr<Flat> network_;
  std::vector<std::shared_ptr<Replica>> replicas_;
  BatchQueue queue_{3};
  std::vector<std::unique_ptr<KindWork>> works_;
  std::vector<std::vector<float>> gradients_;
  std::vector<float> sum_, old_values_, old_momentum_;
  std::vector<double> losses_;
  std::shared_ptr<const Batch> batch_;
  Reduction reduction_;
};

}  // namespace

std::shared_ptr<Program> make_kind(KindSpec spec, std::int64_t steps) {
  return std::make_shared<KindProgram>(std::move(spec), steps);
}

}  // namespace troupe::bench
