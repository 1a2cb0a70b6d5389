#include "train/gan/forecast.hpp"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "gpu/account.hpp"
#include "train/gan/shard.hpp"

namespace troupe::gan {

namespace {

/// Memory that is never looked at: not one page of it is touched.
at::Tensor unread(std::size_t floats) { return at::empty({static_cast<std::int64_t>(floats)}, at::kFloat); }

/// Follows one account from a stage's start.
class Watch {
 public:
  explicit Watch(Account& account) : account_(account), start_(account.held().count) { account.reset_peak(); }
  std::int64_t held() const { return account_.held().count - start_; }
  std::int64_t peak() const { return account_.peak().count - start_; }

 private:
  Account& account_;
  std::int64_t start_;
};

/// The most that any of `count` parts takes for a moment.
template <class F>
std::int64_t largest_part(Account& account, int count, const F& part) {
  std::int64_t most = 0;
  for (int i = 0; i < count; ++i) {
    const Watch watch(account);
    part(i);
    most = std::max(most, watch.peak());
  }
  return most;
}

std::int64_t stage_peak(const StageBytes& s, std::int64_t others, int shards, int workers, bool holds) {
  const int computing = std::min(workers, shards);
  // a worker that computes its next shard still has the last one's parts
  const int held = holds ? std::min(computing, shards - computing) : 0;
  // whoever has no shard to compute takes parts; between all and none that compute, bytes are linear
  const std::int64_t all = computing * s.computing + held * s.computed + (workers - computing) * s.part;
  const std::int64_t none = (computing + held) * s.computed + workers * s.part;
  const std::int64_t left = std::max<std::int64_t>(0, s.finished) * (shards - computing - held);
  return others + std::max(all, none) + left;
}

}  // namespace

ShardForecast forecast_shard(const GanConfig& config, const NetShape& shape, int phase, bool fading,
                             Workspaces& workspaces) {
  const c10::InferenceMode no_autograd;
  const ParamTable critic_params = critic_table(shape), generator_params = generator_table(shape);
  const Critic critic(shape, critic_params, phase);
  const Generator generator(shape, generator_params, phase);
  const Losses losses;
  const ShardStep step(shape, losses, critic, generator);
  const at::Tensor critic_weights = unread(critic_params.effective_count(phase));
  const at::Tensor generator_weights = unread(generator_params.effective_count(phase));
  const at::Tensor critic_gradient = unread(critic_params.count(phase));
  const at::Tensor generator_gradient = unread(generator_params.count(phase));
  const auto size = static_cast<std::size_t>(shape.resolution(phase));
  const at::Tensor real =
      unread(static_cast<std::size_t>(config.shard_batch * shape.image_channels) * size * size);

  const ShardInput in{0, 0, 0, 0, config.shard_batch, fading ? 0.5F : 1.0F};
  const auto account = std::make_shared<Account>("forecast", Bytes{std::numeric_limits<std::int64_t>::max()});
  const AccountScope charge(account);
  DryRun dry(workspaces);
  ShardForecast result;
  result.holds = holds_parts(shape, config.shard_batch, phase);
  CriticScores scores;
  const Watch first(*account);
  auto done = step.critic_stage(in, data(real), data(critic_weights), data(generator_weights),
                                data(critic_gradient), scores);
  result.stage[0].computing = first.peak();
  result.stage[0].computed = first.held();
  result.stage[0].part = largest_part(*account, critic.gradient_parts(), [&](int part) {
    critic.weight_gradient(part, data(critic_weights), done.pass, data(critic_gradient));
  });
  done.pass = {};
  result.stage[0].finished = first.held();

  const Watch second(*account);
  step.generator_stage(in, done.fakes, data(critic_weights), data(generator_weights),
                       data(generator_gradient));
  result.stage[1].computing = second.peak();
  result.stage[1].computed = second.held();
  result.stage[1].part = largest_part(*account, generator.gradient_parts(), [&](int part) {
    generator.weight_gradient(part, data(generator_weights), done.fakes, data(generator_gradient));
  });
  done.fakes = {};
  result.stage[1].finished = second.held();
  result.work = dry.work();
  return result;
}

std::int64_t peak_bytes(const ShardForecast& shard, int shards, int workers) {
  // the second stage begins with what the first left of every shard
  return std::max(stage_peak(shard.stage[0], 0, shards, workers, shard.holds),
                  stage_peak(shard.stage[1], shards * shard.stage[0].finished, shards, workers, shard.holds));
}

std::int64_t sample_bytes(const GanConfig& config, const NetShape& shape, int phase, bool fading,
                          Workspaces& workspaces) {
  const c10::InferenceMode no_autograd;
  const ParamTable params = generator_table(shape);
  const Generator generator(shape, params, phase);
  const at::Tensor weights = unread(params.effective_count(phase));
  const auto account = std::make_shared<Account>("forecast", Bytes{std::numeric_limits<std::int64_t>::max()});
  const AccountScope charge(account);
  const DryRun dry(workspaces);
  const Watch watch(*account);
  const GeneratorPass pass =
      generator.forward(data(weights), at::empty({kSampleChunk, config.latent}), fading ? 0.5F : 1.0F);
  return watch.peak();
}

namespace {

/// So much for each further worker that no number of workers, on one node or spread over many, takes more.
std::int64_t bytes_a_worker(const ShardForecast& shard, int shards, std::int64_t one) {
  std::int64_t most = 0;
  for (int workers = 2; workers <= shards; ++workers) {
    const int mine = (shards + workers - 1) / workers;  // of a node with one of them
    const std::int64_t together = peak_bytes(shard, shards, workers);
    const std::int64_t spread = workers * peak_bytes(shard, mine, 1);
    most = std::max(most, (std::max(together, spread) - one + workers - 2) / (workers - 1));
  }
  return most;
}

/// Bytes that the sums, the optimiser and the making of effective weights go through.
void count_state(const GanConfig& config, const NetShape& shape, int phase, PhaseForecast& forecast) {
  // read: gradient, parameter, second moment; written: the latter two; of a generator the average twice
  constexpr double kCriticUpdate = 5 * sizeof(float), kGeneratorUpdate = 7 * sizeof(float);
  const ParamTable critic = critic_table(shape), generator = generator_table(shape);
  const auto floats = [&](const ParamTable& table) { return static_cast<double>(table.count(phase)); };
  const auto all = [&](const ParamTable& table) {
    return floats(table) + static_cast<double>(table.effective_count(phase));
  };
  forecast.sum_bytes = sizeof(float) * ((config.shards + 1) * floats(critic) +
                                        (config.shards + config.generators) * floats(generator));
  forecast.update_bytes =
      kCriticUpdate * floats(critic) + config.generators * kGeneratorUpdate * floats(generator);
  // the first worker makes them while the others wait; several generators' are made side by side
  forecast.serial_bytes = sizeof(float) * (all(critic) + all(generator));
}

}  // namespace

PhaseForecast forecast_phase(const GanConfig& config, const NetShape& shape, int phase,
                             Workspaces& workspaces) {
  PhaseForecast forecast;
  forecast.shards = config.shards;
  for (const bool fading : {false, true}) {
    if (fading && (phase == 0 || config.fade <= 0)) continue;
    const ShardForecast shard = forecast_shard(config, shape, phase, fading, workspaces);
    const std::int64_t one = peak_bytes(shard, config.shards, 1);
    // at a phase's end, when no shard holds anything any more, all generators make samples at once
    const std::int64_t samples = config.generators * sample_bytes(config, shape, phase, fading, workspaces);
    forecast.bytes = std::max(forecast.bytes, Bytes{std::max(one, samples)});
    forecast.bytes_a_worker =
        std::max(forecast.bytes_a_worker, Bytes{bytes_a_worker(shard, config.shards, one)});
    // steps that fade cost some percent more: of those there are most of
    if (!fading || config.fade > 0.5) forecast.shard = shard.work;
  }
  count_state(config, shape, phase, forecast);
  return forecast;
}

}  // namespace troupe::gan
