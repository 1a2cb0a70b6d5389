#pragma once
// A Program without LibTorch whose bits depend on every order that must not matter: sums of floats of very
// different size, per-shard random numbers, a momentum update, growth from phase to phase, one critic and K
// generators.
#include <chrono>
#include <cmath>
#include <cstring>
#include <mutex>
#include <thread>

#include "base/hash.hpp"
#include "base/random.hpp"
#include "gpu/account.hpp"
#include "gpu/collective.hpp"
#include "train/program.hpp"
#include "train/safetensors.hpp"

namespace troupe::toy {

struct Options {
  int generators = 2, shards = 8, phases = 3;
  std::int64_t steps_per_phase = 40;
  std::size_t parameters = 3000;    // in the first phase; doubles from phase to phase
  int work = 1;                     // repeats of a shard's arithmetic
  std::int64_t throw_at_step = -1;  // a shard throws in this step
  std::size_t allocate = 0;         // bytes that a shard charges to its slice
  bool hang_in_samples = false;     // who is asked for images never answers
  std::uint64_t data = 0;           // identity of its data
  bool tells = false;  // what a phase takes: 64 MiB, doubled from phase to phase, 16 a worker more
};

class Net final : public Replica {
 public:
  Net(std::string name, const Options& o, std::int64_t seed)
      : name_(std::move(name)), options_(o), seed_(seed) {}
  std::string name() const override { return name_; }
  void enter(const Moment& m) override {
    const std::size_t n = options_.parameters << m.phase;
    Draw draw(seed_, m.phase, static_cast<int>(name_.back()), Purpose::initial);
    while (w.size() < n) {
      w.push_back(draw.normal());
      v.push_back(0);
    }
    next_w = w;
    next_v = v;
  }
  std::uint64_t hash() const override {
    return hash_bytes(w.data(), w.size() * 4) ^ hash_bytes(v.data(), v.size() * 4);
  }
  std::int64_t parameters() const override { return static_cast<std::int64_t>(w.size()); }
  std::shared_ptr<const Snapshot> snapshot() const override {
    struct Copy final : Snapshot {
      std::vector<float> w, v;
      Result<void> write(const std::filesystem::path& file) const override {
        const auto n = static_cast<std::int64_t>(w.size());
        const TensorRef tensors[] = {{"w", {n}, w}, {"v", {n}, v}};
        return write_safetensors(file, tensors, {});
      }
    };
    auto copy = std::make_shared<Copy>();
    copy->w = w;
    copy->v = v;
    return copy;
  }
  Result<void> restore(const std::filesystem::path& file, const Moment&) override {
    auto read = read_safetensors(file);
    if (!read) return fail(read.error());
    w = read->values.at("w");
    v = read->values.at("v");
    next_w = w;
    next_v = v;
    return {};
  }
  std::vector<std::span<std::byte>> state() override {
    return {std::as_writable_bytes(std::span(w)), std::as_writable_bytes(std::span(v))};
  }
  void adopt() override {
    next_w = w;
    next_v = v;
  }
  bool makes_images() const override { return name_ != "discriminator"; }
  Result<std::vector<Image>> sample(int count, std::int64_t, const Moment&) const override {
    while (options_.hang_in_samples) std::this_thread::sleep_for(std::chrono::hours(1));
    return std::vector<Image>(static_cast<std::size_t>(count),
                              Image{4, 4, 1, std::vector<float>(16, std::fabs(w[0]))});
  }
  std::vector<float> w, v, next_w, next_v;

 private:
  std::string name_;
  Options options_;
  std::int64_t seed_;
};

class ToyProgram final : public Program {
 public:
  ToyProgram(Options o, std::int64_t seed) : options_(o), seed_(seed), queue_(4) {
    for (int k = 0; k < o.generators; ++k)
      nets_.push_back(std::make_shared<Net>("generator" + std::to_string(k), o, seed));
    nets_.push_back(std::make_shared<Net>("discriminator", o, seed));
    for (auto& net : nets_) replicas_.push_back(net);
    losses_.resize(static_cast<std::size_t>(o.shards));
  }
  std::int64_t steps() const override { return options_.phases * options_.steps_per_phase; }
  Moment moment(std::int64_t step) const override {
    const auto phase =
        static_cast<int>(std::min<std::int64_t>(step / options_.steps_per_phase, options_.phases - 1));
    return {.step = step,
            .phase = phase,
            .phase_name = "p" + std::to_string(phase),
            .resolution = 4 << phase,
            .images = step * images_per_step(),
            .phase_first = phase * options_.steps_per_phase,
            .phase_end = (phase + 1) * options_.steps_per_phase};
  }
  int phases() const override { return options_.phases; }
  int shards() const override { return options_.shards; }
  int images_per_step() const override { return options_.shards; }
  int stages() const override { return 2; }
  double relative_seconds(int phase) const override { return 1 << phase; }
  double relative_bytes(int phase) const override { return 1 << phase; }
  std::optional<PhaseForecast> forecast(int phase) const override {
    if (!options_.tells) return {};
    PhaseForecast told;
    told.bytes = mib(64 << phase);
    told.bytes_a_worker = mib(16 << phase);
    told.shards = options_.shards;
    told.shard.product_flops = static_cast<double>((options_.parameters << phase)) * options_.work;
    return told;
  }
  std::uint64_t data_identity() const override { return options_.data; }
  Batch make_batch(std::int64_t step) const override {
    Batch b{.step = step,
            .count = options_.shards,
            .size = 1,
            .images = std::vector<float>(static_cast<std::size_t>(options_.shards))};
    Draw(seed_, step, 0, Purpose::order).fill_normal(b.images);
    return b;
  }
  std::span<const std::shared_ptr<Replica>> replicas() override { return replicas_; }
  BatchQueue& batches() override { return queue_; }

  void enter(const Moment&) override {
    const std::size_t n = nets_[0]->w.size();
    gradients_.assign(static_cast<std::size_t>(options_.shards), std::vector<float>(n));
    sums_.assign(nets_.size(), std::vector<float>(n));
    reductions_.assign(2, {});
    const int critic = options_.generators;
    Reduction all{.replica = critic,
                  .shards = {},
                  .buffers = {},
                  .out = sums_[static_cast<std::size_t>(critic)].data(),
                  .n = n,
                  .scale = 1.0f / static_cast<float>(options_.shards)};
    for (int s = 0; s < options_.shards; ++s) {
      all.shards.push_back(s);
      all.buffers.push_back(gradients_[static_cast<std::size_t>(s)].data());
    }
    reductions_[0].push_back(all);
    for (int k = 0; k < options_.generators; ++k) {
      Reduction mine{.replica = k,
                     .shards = {},
                     .buffers = {},
                     .out = sums_[static_cast<std::size_t>(k)].data(),
                     .n = n,
                     .scale = 0.5f};
      for (int s = k; s < options_.shards; s += options_.generators) {
        mine.shards.push_back(s);
        mine.buffers.push_back(gradients_[static_cast<std::size_t>(s)].data());
      }
      reductions_[1].push_back(mine);
    }
  }
  void begin_step(std::int64_t step) override { batch_ = queue_.wait(step); }
  void compute(int stage, int shard, std::int64_t step) override {
    if (step == options_.throw_at_step && stage == 1 && shard == 3)
      throw std::runtime_error("shard 3 fell over");
    if (options_.allocate > 0) {
      Account* account = current_account();
      if (account != nullptr && !account->charge(static_cast<std::int64_t>(options_.allocate)))
        throw ErrorException(account->refusal(static_cast<std::int64_t>(options_.allocate)));
      if (account != nullptr) account->release(static_cast<std::int64_t>(options_.allocate));
    }
    const auto& critic =
        stage == 0 ? nets_.back()->w : nets_.back()->next_w;  // stage 1 sees the critic just updated
    const auto& own = nets_[static_cast<std::size_t>(shard % options_.generators)]->w;
    auto& gradient = gradients_[static_cast<std::size_t>(shard)];
    Draw draw(seed_, step, shard, Purpose::latent);
    const float x = batch_->images[static_cast<std::size_t>(shard)];
    float loss = 0;
    for (int repeat = 0; repeat < options_.work; ++repeat)
      for (std::size_t i = 0; i < gradient.size(); ++i) {
        gradient[i] = 0.01f * critic[i] * own[i] + x * 0.001f + draw.uniform() * (i % 7 == 0 ? 10.0f : 1e-5f);
        loss += gradient[i];
      }
    losses_[static_cast<std::size_t>(shard)] = loss;
  }
  std::span<const Reduction> reductions(int stage) override {
    return reductions_[static_cast<std::size_t>(stage)];
  }
  void update(int stage, int reduction, std::size_t begin, std::size_t end) override {
    const Reduction& r = reductions_[static_cast<std::size_t>(stage)][static_cast<std::size_t>(reduction)];
    Net& net = *nets_[static_cast<std::size_t>(r.replica)];
    for (std::size_t i = begin; i < end; ++i) {
      net.next_v[i] = 0.9f * net.v[i] + r.out[i];
      net.next_w[i] = net.w[i] - 1e-3f * net.next_v[i];
    }
  }
  void commit(std::int64_t) override {
    for (auto& net : nets_) {
      std::swap(net->w, net->next_w);
      std::swap(net->v, net->next_v);
    }
  }
  void roll_back() override {}
  std::vector<std::string> score_names() const override { return {"loss"}; }
  double shard_score(int, int shard) const override { return losses_[static_cast<std::size_t>(shard)]; }

 private:
  Options options_;
  std::int64_t seed_;
  BatchQueue queue_;
  std::vector<std::shared_ptr<Net>> nets_;
  std::vector<std::shared_ptr<Replica>> replicas_;
  std::vector<std::vector<float>> gradients_, sums_;
  std::vector<std::vector<Reduction>> reductions_;
  std::shared_ptr<const Batch> batch_;
  std::vector<float> losses_;
};

inline ProgramFactory factory(Options options) {
  return [options](const ProgramContext& c) -> Result<std::shared_ptr<Program>> {
    return std::shared_ptr<Program>(std::make_shared<ToyProgram>(options, c.job.seed));
  };
}

}  // namespace troupe::toy
