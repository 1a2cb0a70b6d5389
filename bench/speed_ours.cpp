#include "bench/speed_ours.hpp"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

#include "base/random.hpp"
#include "gpu/collective.hpp"
#include "train/gan.hpp"
#include "train/gan/conv.hpp"
#include "train/safetensors.hpp"

namespace troupe::bench {
namespace {
using Clock = std::chrono::steady_clock;
void must(const Result<void>& result) {
  if (!result) throw ErrorException(result.error());
}
double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// A pyramid of one grey image of noise: what it shows costs nothing and changes no time.
class NoisePyramid final : public Pyramid {
 public:
  explicit NoisePyramid(int size) : size_(size), levels_(static_cast<std::size_t>(size * size)) {
    Draw draw(1, 0, 0, Purpose::test);
    for (auto& level : levels_) level = static_cast<std::uint8_t>(draw.below(256));
  }
  int channels() const override { return 1; }
  int smallest() const override { return size_; }
  int largest() const override { return size_; }
  std::int64_t count(Part) const override { return 1; }
  std::span<const std::uint8_t> levels(Part, int, std::int64_t) const override { return levels_; }
  std::uint64_t key() const override { return 0; }

 private:
  int size_;
  std::vector<std::uint8_t> levels_;
};

void whole_shard(Program& program, int stage, int shard, std::int64_t step) {
  program.compute(stage, shard, step);
  for (int part = 0; part < program.parts(stage); ++part) program.finish(stage, shard, part, step);
}

/// Each convolution of a shard's step: shape and how many images go through it.
struct Launch {
  gan::Conv conv;
  int size;  // of the higher-resolution side
};
std::vector<Launch> launches(const gan::NetShape& shape, int size, bool critic) {
  std::vector<Launch> all{{{gan::Kernel::plain, shape.width(4), shape.width(4)}, 4}};
  for (int r = 8; r <= size; r *= 2) {
    all.push_back({{gan::Kernel::plain, shape.width(r), shape.width(r)}, r});
    if (critic)
      all.push_back({{gan::Kernel::down, shape.width(r), shape.width(r / 2)}, r});
    else
      all.push_back({{gan::Kernel::up, shape.width(r / 2), shape.width(r)}, r});
  }
  return all;
}

/// Seconds of f, the least of several tries within `budget`.
double least_seconds(double budget, const std::function<void()>& f) {
  f();
  double least = 1e9;
  const auto start = Clock::now();
  do {
    const auto one = Clock::now();
    f();
    least = std::min(least, since(one));
  } while (since(start) < budget);
  return least;
}

/// One shard's convolutions, bare: what critic_stage and generator_stage launch, and nothing between.
double bare_shard(const gan::NetShape& shape, int size, double budget) {
  const c10::InferenceMode no_autograd;
  double seconds = 0;
  const auto critic = launches(shape, size, true), generator = launches(shape, size, false);
  const double each = budget / static_cast<double>(6 * critic.size() + 3 * generator.size());
  for (const bool is_critic : {true, false})
    for (const Launch& l : is_critic ? critic : generator) {
      const int in_size = l.conv.kind == gan::Kernel::up ? l.size / 2 : l.size;
      const int out_size = l.conv.kind == gan::Kernel::down ? l.size / 2 : l.size;
      const std::vector<float> weights(static_cast<std::size_t>(16 * l.conv.in * l.conv.out), 0.01F);
      const at::Tensor w = gan::weight_view(l.conv, weights.data());
      const auto forward = [&](std::int64_t n) {
        const at::Tensor x = gan::features(n, l.conv.in, in_size).fill_(0.5);
        return least_seconds(each, [&] { gan::forward(l.conv, x, w); });
      };
      const auto to_data = [&](std::int64_t n) {
        const at::Tensor x = gan::features(n, l.conv.in, in_size).fill_(0.5);
        const at::Tensor d = gan::features(n, l.conv.out, out_size).fill_(0.5);
        return least_seconds(each, [&] { gan::backward_data(l.conv, d, x, w); });
      };
      const auto to_weight = [&](std::int64_t n) {
        const at::Tensor x = gan::features(n, l.conv.in, in_size).fill_(0.5);
        const at::Tensor d = gan::features(n, l.conv.out, out_size).fill_(0.5);
        return least_seconds(each, [&] { gan::backward_weight(l.conv, d, x, w); });
      };
      constexpr int b = kGroup;
      if (is_critic)
        seconds += forward(3 * b) + to_data(3 * b) + forward(b) + to_weight(3 * b) + forward(b) + to_data(b);
      else
        seconds += forward(b) + to_data(b) + to_weight(b);
    }
  return seconds;
}
}  // namespace

Ours::Ours(const Net& net, int size, int generators, int shards) : size_(size) {
  job_.name = "speed";
  job_.gan.generators = generators;
  job_.gan.fmap_base = net.fmap_base;
  job_.gan.fmap_max = net.fmap_max;
  job_.gan.from = job_.gan.to = size;
  job_.gan.shards = shards;
  job_.gan.shard_batch = kGroup;
  job_.gan.images = {1'000'000'000};
  program_ = make_gan(job_, std::make_shared<NoisePyramid>(size)).value();
  const Moment moment = program_->moment(0);
  for (const auto& replica : program_->replicas()) replica->enter(moment);
  program_->enter(moment);
  batch_ = std::make_shared<Batch>(program_->make_batch(0));
}

void Ours::step(CpuSlice& slice) {
  batch_ = std::make_shared<Batch>(*batch_);
  batch_->step = next_;
  program_->batches().push(batch_);
  program_->begin_step(next_);
  const int workers = slice.workers();
  for (int stage = 0; stage < program_->stages(); ++stage) {
    slice.run([&](int worker) {
      for (int shard = worker; shard < program_->shards(); shard += workers)
        whole_shard(*program_, stage, shard, next_);
    });
    slice.run([&](int worker) {
      const auto reductions = program_->reductions(stage);
      for (std::size_t i = 0; i < reductions.size(); ++i) {
        const Reduction& r = reductions[i];
        const auto part = [&](int k) {
          return r.n * static_cast<std::size_t>(k) / static_cast<std::size_t>(workers);
        };
        tree_sum(std::span<const float* const>(r.buffers), r.out, part(worker), part(worker + 1), r.scale);
        program_->update(stage, static_cast<int>(i), part(worker), part(worker + 1));
      }
    });
  }
  program_->commit(next_++);
}

double Ours::run(double seconds, CpuSlice& slice) {
  step(slice);
  const auto start = Clock::now();
  std::int64_t steps = 0;
  do {
    step(slice);
    ++steps;
  } while (since(start) < seconds);
  return static_cast<double>(steps * program_->images_per_step()) / since(start);
}

double Ours::bare_seconds(double seconds, CpuSlice& slice) const {
  const gan::NetShape shape{job_.gan.generators, job_.gan.latent, 1,    job_.gan.fmap_base,
                            job_.gan.fmap_max,   size_,           size_};
  std::vector<double> bare(static_cast<std::size_t>(slice.workers()));
  slice.run([&](int worker) { bare[static_cast<std::size_t>(worker)] = bare_shard(shape, size_, seconds); });
  return *std::max_element(bare.begin(), bare.end());
}

Ours::Compared Ours::first_losses(const std::filesystem::path& folder) {
  const auto& replicas = program_->replicas();
  for (const auto& [replica, name] : {std::pair{0, "critic"}, {1, "generator"}})
    must(replicas[static_cast<std::size_t>(replica)]->snapshot()->write(folder / name));
  std::vector<float> latent(static_cast<std::size_t>(kGroup * job_.gan.latent)), mix(kGroup);
  Draw(job_.seed, 0, 0, Purpose::latent).fill_normal(latent);
  Draw draw(job_.seed, 0, 0, Purpose::mix);
  for (float& t : mix) t = draw.uniform();
  const std::vector<TensorRef> inputs{
      {"latent", {kGroup, job_.gan.latent}, latent},
      {"mix", {kGroup, 1, 1, 1}, mix},
      {"real",
       {kGroup, 1, size_, size_},
       std::span(batch_->images).first(static_cast<std::size_t>(kGroup * size_ * size_))}};
  must(write_safetensors(folder / "inputs", inputs, {}));
  program_->batches().push(batch_);
  program_->begin_step(0);
  for (int stage = 0; stage < 2; ++stage) whole_shard(*program_, stage, 0, 0);
  Compared losses;
  for (const Score& score : program_->scores()) {
    if (score.name == "critic") losses.critic = score.value;
    if (score.name == "generator") losses.generator = score.value;
  }
  program_->roll_back();
  program_->batches().restart(0);
  return losses;
}

}  // namespace troupe::bench
