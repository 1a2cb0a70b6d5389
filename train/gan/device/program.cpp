#include "train/gan/device/program.hpp"

#include <ATen/ATen.h>

#include <string>

#include "base/hash.hpp"
#include "train/gan/device/forecast.hpp"

namespace troupe::gan {

DeviceProgram::Phase::Phase(DeviceProgram& p, int phase)
    : number(phase),
      step(p.job_->shape(), p.job_->losses(), p.net(0).table(), p.net(1).table(), phase,
           p.runtime_->options()),
      input(p.job_->shape(), p.job_->config().shard_batch, phase, p.runtime_->options()) {
  DeviceRuntime& runtime = *p.runtime_;
  critic_gradient = runtime.buffer(p.net(0).size());
  generator_gradient = runtime.buffer(p.net(1).size());
  scores = runtime.buffer(kScores - 1);
  loss = runtime.buffer(1);
  critic = step.critic().table().effective(p.net(0).raw());
  for (int k = 0; k < p.job_->config().generators; ++k)
    generators.push_back(step.generator().table().effective(p.net(1 + k).raw()));
  Hasher hasher;
  const auto add = [&](const at::Tensor& t) {
    const void* const at = t.data_ptr();
    hasher.add(&at, sizeof at);
  };
  for (const at::Tensor& t :
       {critic_gradient, generator_gradient, scores, loss, input.real, input.latent, input.mix, input.alpha})
    add(t);
  critic.for_each(add);
  for (const DeviceWeights& w : generators) w.for_each(add);
  addresses = hasher.value();
}

DeviceProgram::DeviceProgram(std::shared_ptr<GanProgram> job, std::unique_ptr<DeviceRuntime> runtime)
    : job_(std::move(job)), runtime_(std::move(runtime)), shards_(static_cast<std::size_t>(job_->shards())) {
  for (const auto& host : job_->nets()) {
    nets_.push_back(std::make_shared<DeviceReplica>(host, *runtime_));
    replicas_.push_back(nets_.back());
  }
}

DeviceProgram::DeviceProgram(std::shared_ptr<GanProgram> job, at::ScalarType compute)
    : DeviceProgram(std::move(job), std::make_unique<LateRuntime>(compute)) {
  compute_ = compute;
  late_ = static_cast<LateRuntime*>(runtime_.get());
}

std::optional<PhaseForecast> DeviceProgram::forecast(int phase) const {
  PhaseForecast told;
  DeviceOptions options;
  options.compute = compute_;
  told.bytes = on_gpu(forecast_device(job_->config(), job_->shape(), phase, options, measured_));
  told.shards = shards();
  return told;
}

void DeviceProgram::use(DeviceSlice& slice) {
  if (late_ == nullptr) return Program::use(slice);
  late_->open(slice);
}

void DeviceProgram::leave() {
  if (late_ == nullptr || !late_->ready()) return;
  clear();
  for (const auto& replica : nets_) replica->leave();
  late_->close();
}

void DeviceProgram::enter(const Moment& moment) {
  for (const auto& replica : nets_) replica->enter(moment);
  if (phase_ && phase_->number == moment.phase) return;
  clear();  // first, so that both need not fit
  try {
    build(moment.phase);
  } catch (...) {  // whole, or not at all: it may be tried once more
    clear();
    throw;
  }
}

void DeviceProgram::build(int phase) {
  runtime_->renew();
  runtime_->run([&] { phase_ = std::make_unique<Phase>(*this, phase); });
  for (Shard& shard : shards_) shard = {runtime_->buffer(net(0).size()), runtime_->buffer(net(1).size())};
  scores_ = runtime_->buffer(static_cast<std::int64_t>(shards_.size()) * kScores);
  make_reductions();
}

/// All of a phase.
void DeviceProgram::clear() {
  phase_.reset();
  shards_.assign(shards_.size(), {});
  sums_.clear();
  for (auto& reductions : reductions_) reductions.clear();
  scores_.reset();
}

void DeviceProgram::make_reductions() {
  const int generators = job_->config().generators, shards = job_->shards();
  sums_.clear();
  reductions_[0].clear();
  reductions_[1].clear();
  for (int replica = 0; replica <= generators; ++replica) {
    const bool whole = replica == 0;
    sums_.push_back(runtime_->buffer(net(replica).size()));
    Reduction r;
    r.replica = replica;
    r.out = sums_.back().data_ptr<float>();
    r.n = static_cast<std::size_t>(net(replica).size());
    for (int s = whole ? 0 : replica - 1; s < shards; s += whole ? 1 : generators) {
      const Shard& shard = shards_[static_cast<std::size_t>(s)];
      r.shards.push_back(s);
      r.buffers.push_back((whole ? shard.critic_gradient : shard.generator_gradient).data_ptr<float>());
    }
    r.scale = 1.0F / static_cast<float>(r.shards.size());
    reductions_[whole ? 0 : 1].push_back(std::move(r));
  }
  for (const int stage : {0, 1}) wanted_[stage].assign(reductions_[stage].size(), 0);
}

void DeviceProgram::begin_step(std::int64_t step) {
  step_ = step;
  alpha_ = static_cast<float>(job_->moment(step).fade);
  stage_read_ = -1;
  on_host_.clear();
  // a step that was rolled back finds its batch here: the queue has dropped it
  if (batch_ == nullptr || batch_->step != step) batch_ = batches().wait(step);
  runtime_->step_begins();
}

cuda::GraphKey DeviceProgram::key(int stage, const DeviceKind& kind) const {
  const DeviceOptions& options = runtime_->options();
  cuda::GraphKey key;
  key.job = job_->nets().front()->name();
  key.phase = std::to_string(phase_->number) + (kind.fading ? " fading in" : "");
  key.part = (stage == 0 ? "critic on generator " : "generator ") + std::to_string(kind.generator);
  key.shape = phase_->input.real.sizes().vec();
  key.precision = options.compute == at::kFloat ? "float32" : "bfloat16";
  key.layout = options.channels_last ? "channels_last" : "channels_first";
  key.addresses = phase_->addresses;
  return key;
}

void DeviceProgram::read_weights(int stage) {
  make_updates();
  runtime_->run([&] {
    phase_->step.critic().table().refresh(phase_->critic, net(0).raw());
    for (std::size_t k = 0; stage == 0 && k < phase_->generators.size(); ++k)
      phase_->step.generator().table().refresh(phase_->generators[k], net(1 + static_cast<int>(k)).raw());
  });
  stage_read_ = stage;
}

void DeviceProgram::compute(int stage, int shard, std::int64_t step) {
  if (stage_read_ != stage) read_weights(stage);
  const DeviceKind kind{shard % job_->config().generators, alpha_ < 1};
  const auto k = static_cast<std::size_t>(kind.generator);
  Phase& p = *phase_;
  const std::size_t each = batch_->images.size() / shards_.size();
  runtime_->run([&] {
    p.input.fill({job_->seed(), step, shard, kind.generator, job_->config().shard_batch, alpha_},
                 batch_->images.data() + static_cast<std::size_t>(shard) * each);
  });
  Shard& mine = shards_[static_cast<std::size_t>(shard)];
  const at::Tensor slot = scores_.narrow(0, std::int64_t{shard} * kScores, kScores);
  if (stage == 0) {
    runtime_->run(key(stage, kind), [&p, kind, k] {
      (void)p.step.critic_stage(kind, p.input, p.critic, p.generators[k], p.critic_gradient, p.scores);
    });
    runtime_->run([&] {
      mine.critic_gradient.copy_(p.critic_gradient);
      slot.narrow(0, 0, 1).copy_(p.scores.narrow(0, 0, 1));
      slot.narrow(0, 2, kScores - 2).copy_(p.scores.narrow(0, 1, kScores - 2));
    });
    return;
  }
  runtime_->run(key(stage, kind), [&p, kind, k] {
    p.step.generator_stage(kind, p.input, p.step.make_fakes(kind, p.input, p.generators[k]), p.critic,
                           p.generators[k], p.generator_gradient, p.loss);
  });
  runtime_->run([&] {
    mine.generator_gradient.copy_(p.generator_gradient);
    slot.narrow(0, 1, 1).copy_(p.loss);
  });
}

void DeviceProgram::update(int stage, int reduction, std::size_t, std::size_t) {
  wanted_[stage][static_cast<std::size_t>(reduction)] = 1;
}

void DeviceProgram::make_updates() {
  for (const int stage : {0, 1})
    for (std::size_t i = 0; i < wanted_[stage].size(); ++i) {
      if (wanted_[stage][i] == 0) continue;
      wanted_[stage][i] = 0;
      const int replica = reductions_[stage][i].replica;
      net(replica).update(sums_[static_cast<std::size_t>(replica)], step_);
    }
}

void DeviceProgram::commit(std::int64_t) {
  make_updates();
  runtime_->step_ends();  // nothing may fail once a network has committed
  for (const auto& replica : nets_) replica->commit();
}

void DeviceProgram::roll_back() {
  for (auto& wanted : wanted_) wanted.assign(wanted.size(), 0);
  for (const auto& replica : nets_) replica->roll_back();
}

double DeviceProgram::shard_score(int score, int shard) const {
  if (on_host_.empty()) {
    on_host_.resize(shards_.size() * kScores);
    runtime_->to_host(on_host_.data(), scores_);
  }
  return on_host_[static_cast<std::size_t>(shard * kScores + score)];
}

}  // namespace troupe::gan
