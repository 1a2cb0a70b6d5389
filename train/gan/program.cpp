#include "train/gan/program.hpp"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <array>

#include "gpu/collective.hpp"
#include "train/gan/forecast.hpp"

namespace troupe::gan {

namespace {
constexpr int kBatchesAhead = 4;  // steps that a loader may be ahead of the step that computes

NetShape net_shape(const GanConfig& config, int channels) {
  return {config.generators, config.latent, channels, config.fmap_base,
          config.fmap_max,   config.from,   config.to};
}
}  // namespace

GanProgram::Phase::Phase(const GanProgram& program, int phase)
    : critic(program.shape_, program.nets_.front()->table(), phase),
      generator(program.shape_, program.nets_.back()->table(), phase),
      step(program.shape_, program.losses_, critic, generator) {}

GanProgram::GanProgram(const JobConfig& job, std::shared_ptr<const Pyramid> pyramid)
    : job_(job),
      config_(job.gan),
      pyramid_(std::move(pyramid)),
      schedule_(config_),
      shape_(net_shape(config_, pyramid_->channels())),
      workspaces_(std::make_unique<Workspaces>()),
      losses_{config_.gradient_penalty, config_.drift, config_.diversity},
      sampler_(job.seed, pyramid_->count(Pyramid::Part::train)),
      batches_(kBatchesAhead),
      shards_(static_cast<std::size_t>(config_.shards)) {
  ReplicaSettings settings;
  settings.shape = shape_;
  settings.seed = job.seed;
  settings.learning_rate = config_.learning_rate;
  settings.beta2 = config_.beta2;
  settings.average = config_.average;
  for (int phase = 0; phase < schedule_.phases(); ++phase)
    settings.phase_first.push_back(schedule_.first_step(phase));
  for (int k = -1; k < config_.generators; ++k) {
    settings.generator = k;
    settings.name = k < 0 ? "discriminator" : "generator" + std::to_string(k);
    nets_.push_back(std::make_shared<GanReplica>(settings));
    replicas_.push_back(nets_.back());
  }
}

GanProgram::~GanProgram() = default;

std::optional<PhaseForecast> GanProgram::forecast(int phase) const {
  return forecast_phase(config_, shape_, phase, *workspaces_);
}

double GanProgram::relative_seconds(int phase) const {
  // Rates of one core, to weigh arithmetic, memory traffic and launches against one another; only ratios
  // leave here. Fitted to the steps measured in docs/measurements (4 to 128, widths of 32 to 128): each of
  // them within 20 %.
  constexpr double kFlops = 82e9, kBytes = 11.7e9, kLaunch = 23.5e-6;
  const auto seconds = [&](int p) {
    const PhaseCost cost = phase_cost(shape_, p);
    return images_per_step() * (cost.flops / kFlops + cost.activation_bytes / kBytes) +
           config_.shards * cost.launches * kLaunch;
  };
  return seconds(phase) / seconds(0);
}

double GanProgram::relative_bytes(int phase) const {
  const auto bytes = [&](int p) {
    // LibTorch's and malloc's own, whatever the phase
    constexpr double kFloor = 4 << 20;
    return kFloor + images_per_step() * phase_cost(shape_, p).activation_bytes;
  };
  return bytes(phase) / bytes(0);
}

Batch GanProgram::make_batch(std::int64_t step) const {
  const Moment at = schedule_.moment(step);
  Batch batch;
  batch.step = step;
  batch.count = images_per_step();
  batch.channels = shape_.image_channels;
  batch.size = at.resolution;
  const std::size_t each =
      static_cast<std::size_t>(batch.channels) * static_cast<std::size_t>(batch.size * batch.size);
  batch.images.resize(static_cast<std::size_t>(batch.count) * each);
  for (int i = 0; i < batch.count; ++i)
    pyramid_->read(Pyramid::Part::train, batch.size, sampler_.running(at.images + i),
                   std::span(batch.images).subspan(static_cast<std::size_t>(i) * each, each));
  return batch;
}

void GanProgram::enter(const Moment& moment) {
  for (const auto& net : nets_) net->enter(moment);
  if (phase_ == moment.phase && critic().size() == shards_.front().critic_gradient.size()) return;
  phase_ = moment.phase;
  networks_ = std::make_unique<Phase>(*this, phase_);
  for (Shard& shard : shards_) {
    shard.fakes = {};
    shard.pass = {};
    shard.critic_gradient.assign(critic().size(), 0.0F);
    shard.generator_gradient.assign(generator(0).size(), 0.0F);
  }
  make_reductions();
}

void GanProgram::make_reductions() {
  sums_.clear();
  for (const auto& net : nets_) sums_.emplace_back(net->size(), 0.0F);
  reductions_[0].clear();
  reductions_[1].clear();
  for (int replica = 0; replica <= config_.generators; ++replica) {
    Reduction r;
    r.replica = replica;
    r.out = sums_[static_cast<std::size_t>(replica)].data();
    r.n = sums_[static_cast<std::size_t>(replica)].size();
    const bool whole = replica == 0;
    for (int s = whole ? 0 : replica - 1; s < config_.shards; s += whole ? 1 : config_.generators) {
      const Shard& shard = shards_[static_cast<std::size_t>(s)];
      r.shards.push_back(s);
      r.buffers.push_back(whole ? shard.critic_gradient.data() : shard.generator_gradient.data());
    }
    r.scale = 1.0F / static_cast<float>(r.shards.size());
    reductions_[whole ? 0 : 1].push_back(std::move(r));
  }
}

void GanProgram::begin_step(std::int64_t step) {
  step_ = step;
  alpha_ = static_cast<float>(schedule_.moment(step).fade);
  // a step that was rolled back finds its batch here: the queue has dropped it
  if (batch_ == nullptr || batch_->step != step) batch_ = batches_.wait(step);
}

void GanProgram::compute(int stage, int shard, std::int64_t step) {
  const c10::InferenceMode no_autograd;
  Shard& mine = shards_[static_cast<std::size_t>(shard)];
  const int k = shard % config_.generators;
  const ShardInput in{job_.seed, step, shard, k, config_.shard_batch, alpha_};
  const float* critic_weights = critic().effective();
  const float* generator_weights = generator(k).effective();
  mine.parts_left = parts(stage);
  if (stage == 0) {
    const std::size_t each = batch_->images.size() / shards_.size();
    auto done = networks_->step.critic_stage(
        in, batch_->images.data() + static_cast<std::size_t>(shard) * each, critic_weights, generator_weights,
        mine.critic_gradient.data(), mine.critic);
    mine.fakes = std::move(done.fakes);
    mine.pass = std::move(done.pass);
    return;
  }
  mine.generator_loss = networks_->step.generator_stage(in, mine.fakes, critic_weights, generator_weights,
                                                        mine.generator_gradient.data());
}

int GanProgram::parts(int stage) const {
  return stage == 0 ? networks_->critic.gradient_parts() : networks_->generator.gradient_parts();
}

bool GanProgram::holds_parts(int) const { return gan::holds_parts(shape_, config_.shard_batch, phase_); }

std::vector<Elements> GanProgram::writes(int stage, int part) const {
  std::vector<Elements> all;
  for (const Param* param :
       stage == 0 ? networks_->critic.written_by(part) : networks_->generator.written_by(part))
    all.push_back({param->offset, param->offset + param->count});
  return all;
}

void GanProgram::finish(int stage, int shard, int part, std::int64_t) {
  const c10::InferenceMode no_autograd;
  Shard& mine = shards_[static_cast<std::size_t>(shard)];
  if (stage == 0)
    networks_->critic.weight_gradient(part, critic().effective(), mine.pass, mine.critic_gradient.data());
  else
    networks_->generator.weight_gradient(part, generator(shard % config_.generators).effective(), mine.fakes,
                                         mine.generator_gradient.data());
  if (mine.parts_left.fetch_sub(1) > 1) return;
  mine.pass = {};
  if (stage == 1) mine.fakes = {};
}

std::span<const Reduction> GanProgram::reductions(int stage) { return reductions_[stage]; }

void GanProgram::update(int stage, int reduction, std::size_t begin, std::size_t end) {
  const Reduction& r = reductions_[stage][static_cast<std::size_t>(reduction)];
  nets_[static_cast<std::size_t>(r.replica)]->update(r.out, begin, end, step_);
}

void GanProgram::commit(std::int64_t) {
  for (const auto& net : nets_) net->commit();
}

void GanProgram::roll_back() {
  for (const auto& net : nets_) net->roll_back();
  for (Shard& shard : shards_) {
    shard.fakes = {};
    shard.pass = {};
  }
}

double GanProgram::shard_score(int score, int shard) const {
  const Shard& s = shards_[static_cast<std::size_t>(shard)];
  return std::array{s.critic.loss, s.generator_loss, s.critic.distance, s.critic.penalty,
                    s.critic.accuracy}[static_cast<std::size_t>(score)];
}

std::vector<Image> GanProgram::real_images(int count, const Moment& moment) const {
  const int size = moment.resolution, channels = shape_.image_channels;
  const std::size_t plane = static_cast<std::size_t>(size) * static_cast<std::size_t>(size);
  const std::int64_t all = pyramid_->count(Pyramid::Part::train);
  std::vector<Image> images;
  for (int i = 0; i < count; ++i) {
    // evenly spread over the data set, from the middle of each share
    const auto levels = pyramid_->levels(Pyramid::Part::train, size, (2 * i + 1) * all / (2 * count));
    Image image{size, size, channels, std::vector<float>(plane * static_cast<std::size_t>(channels))};
    for (std::size_t j = 0; j < levels.size(); ++j)
      image.pixels[j % plane * static_cast<std::size_t>(channels) + j / plane] =
          static_cast<float>(levels[j]) / 255;
    images.push_back(std::move(image));
  }
  return images;
}

}  // namespace troupe::gan
