#include "train/gan/calibrate.hpp"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "base/version.hpp"
#include "gpu/collective.hpp"
#include "gpu/cpu_slice.hpp"
#include "gpu/torch_allocator.hpp"
#include "train/gan/conv.hpp"
#include "train/gan/forecast.hpp"
#include "train/gan/kernels.hpp"
#include "train/gan/shard.hpp"

namespace troupe::gan {

namespace {

constexpr int kRuns = 3;                             // of each thing, after one to warm up; the best counts
constexpr double kShortest = 2e-3, kCrowded = 8e-3;  // seconds that are worth being timed

double thread_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Of one call, over so many that they take `least`.
double seconds_of(const std::function<void()>& f, double least = kShortest) {
  f();
  double began = thread_seconds();
  f();
  const double once = std::max(thread_seconds() - began, 1e-8);
  const int calls = std::clamp(static_cast<int>(least / once), 1, 100'000);
  double best = std::numeric_limits<double>::max();
  for (int run = 0; run < kRuns; ++run) {
    began = thread_seconds();
    for (int i = 0; i < calls; ++i) f();
    best = std::min(best, (thread_seconds() - began) / calls);
  }
  return best;
}

/// A plain 3x3 convolution of `width` channels in all its passes.
struct Convolution {
  Convolution(int width, int images, int size)
      : conv{Kernel::plain, width, width},
        x(features(images, width, size).fill_(0.5)),
        y(features(images, width, size).fill_(0.5)),
        weights(static_cast<std::size_t>(9 * width * width), 0.01F),
        w(weight_view(conv, weights.data())),
        flops(2.0 * 9 * width * width * images * size * size) {}
  void run(Work::Pass pass) const {
    if (pass == Work::forward) forward(conv, x, w);
    if (pass == Work::backward_data) backward_data(conv, y, x, w);
    if (pass == Work::backward_weight) backward_weight(conv, y, x, w);
  }
  double seconds(Work::Pass pass, double least = kShortest) const {
    return seconds_of([&] { run(pass); }, least);
  }
  Conv conv;
  at::Tensor x, y;
  std::vector<float> weights;
  at::Tensor w;
  double flops;
};

constexpr Work::Pass kPasses[] = {Work::forward, Work::backward_data, Work::backward_weight};

void convolutions(DeviceRates& rates) {
  constexpr int kImages = 4, kSize = 16, kFirst = 1,
                kLast = 5;  // classes that are measured: 8 … 128 channels
  for (int i = kFirst; i <= kLast; ++i) {
    const Convolution c(static_cast<int>(Work::kNarrowest) << i, kImages, kSize);
    for (const auto pass : kPasses)
      rates.convolution[pass][static_cast<std::size_t>(i)] = c.flops / c.seconds(pass);
  }
  const Convolution small(16, 12, 4);
  for (const auto pass : kPasses) {
    auto& of = rates.convolution[pass];
    of.front() = of[kFirst] / 2;  // half as many channels fill half as many lanes
    of.back() = of[kLast];
    rates.convolution_cost[pass] = std::max(0.0, small.seconds(pass) - small.flops / of[2]);
  }
}

void products(DeviceRates& rates) {
  constexpr std::int64_t kRows = 64, kColumns = 256, kInner = 768;
  const std::vector<float> a(kRows * kInner, 0.5F), b(kColumns * kInner, 0.01F);
  const auto of = [&](std::int64_t rows) {
    return seconds_of([&] { times_transposed(a.data(), b.data(), rows, kColumns, kInner); });
  };
  rates.product = 2.0 * kRows * kColumns * kInner / of(kRows);
  rates.product_cost = seconds_of([&] { times_transposed(a.data(), b.data(), 1, 16, 16); });
}

/// Bytes a second of three kernels that are most of a step's.
class Elementwise {
 public:
  explicit Elementwise(std::int64_t pixels)
      : pixels_(pixels), y_(at::ones({pixels, kC})), d_(at::ones({pixels, kC})), r_(at::ones({pixels})) {}
  double rate(double least = kShortest) const {
    constexpr double kFloats = 2 + 2 + 3;
    return kFloats * sizeof(float) * static_cast<double>(pixels_ * kC) / seconds_of([this] { run(); }, least);
  }
  void run() const {
    std::vector<float> bias(kC, 0.1F), sums(kC, 0.0F);
    bias_act(data(y_), bias.data(), pixels_, kC);
    bias_act_norm(data(y_), bias.data(), data(r_), pixels_, kC);
    act_backward(data(d_), data(y_), 1, sums.data(), pixels_, kC);
  }
  static constexpr std::int64_t kC = 48;

 private:
  std::int64_t pixels_;
  at::Tensor y_, d_, r_;
};
constexpr std::int64_t kNearPixels = 1024, kFarPixels = 65'536;  // 0.2 and 12.6 MB a tensor

void state(DeviceRates& rates) {
  constexpr std::size_t kFloats = 1 << 18, kMembers = 4;
  const std::vector<std::vector<float>> members(kMembers, std::vector<float>(kFloats, 0.5F));
  std::vector<const float*> from;
  for (const auto& m : members) from.push_back(m.data());
  std::vector<float> out(kFloats), p2(kFloats), v2(kFloats), e2(kFloats);
  rates.sum = (kMembers + 1) * sizeof(float) * kFloats / seconds_of([&] {
                tree_sum(std::span<const float* const>(from), out.data(), 0, kFloats, 0.25F);
              });
  rates.update = 7 * sizeof(float) * kFloats / seconds_of([&] {
                   adam({1e-3F, 0.99F, 1.0F, 0.999F}, out.data(), from[0], from[1], from[2], p2.data(),
                        v2.data(), e2.data(), kFloats);
                 });
}

/// A shard of a small network, run as a step runs it.
class ReferenceShard {
 public:
  ReferenceShard(const GanConfig& config, const NetShape& shape, int phase)
      : config_(config),
        shape_(shape),
        critic_params_(critic_table(shape)),
        generator_params_(generator_table(shape)),
        critic_(shape_, critic_params_, phase),
        generator_(shape_, generator_params_, phase),
        step_(shape_, losses_, critic_, generator_),
        critic_weights_(critic_params_.effective_count(phase), 0.01F),
        generator_weights_(generator_params_.effective_count(phase), 0.01F),
        critic_gradient_(critic_params_.count(phase)),
        generator_gradient_(generator_params_.count(phase)),
        real_(static_cast<std::size_t>(config.shard_batch * shape.image_channels * shape.resolution(phase) *
                                       shape.resolution(phase)),
              0.5F) {}

  void run() {
    const ShardInput in{1, 0, 0, 0, config_.shard_batch, 1.0F};
    CriticScores scores;
    auto done = step_.critic_stage(in, real_.data(), critic_weights_.data(), generator_weights_.data(),
                                   critic_gradient_.data(), scores);
    for (int part = 0; part < critic_.gradient_parts(); ++part)
      critic_.weight_gradient(part, critic_weights_.data(), done.pass, critic_gradient_.data());
    done.pass = {};
    step_.generator_stage(in, done.fakes, critic_weights_.data(), generator_weights_.data(),
                          generator_gradient_.data());
    for (int part = 0; part < generator_.gradient_parts(); ++part)
      generator_.weight_gradient(part, generator_weights_.data(), done.fakes, generator_gradient_.data());
  }

 private:
  const GanConfig config_;
  const NetShape shape_;
  const ParamTable critic_params_, generator_params_;
  const Critic critic_;
  const Generator generator_;
  const Losses losses_;
  const ShardStep step_;
  std::vector<float> critic_weights_, generator_weights_, critic_gradient_, generator_gradient_, real_;
};

/// In a step nothing is as hot as in a loop of one operator: two whole shards, one that is mostly operators'
/// costs and one that is mostly arithmetic, tell how much is left of the rates and how much more a cost is.
void put_together(DeviceRates& rates) {
  constexpr double kLeast = 0.5, kMost = 8;
  GanConfig config;
  config.fmap_base = 512;
  config.to = 16;
  const NetShape shape{2, config.latent, 1, config.fmap_base, config.fmap_max, 4, config.to};
  Workspaces workspaces;
  double took[2], arithmetic[2], costs[2];
  for (const int large : {0, 1}) {
    const int phase = large == 0 ? 0 : shape.phases() - 1;
    PhaseForecast told;
    told.shard = forecast_shard(config, shape, phase, false, workspaces).work;
    DeviceRates free = rates;
    free.convolution_cost.fill(0);
    free.product_cost = free.kernel_cost = 0;
    arithmetic[large] = step_seconds(told, free, 1);
    costs[large] = step_seconds(told, rates, 1) - arithmetic[large];
    ReferenceShard shard(config, shape, phase);
    took[large] = seconds_of([&] { shard.run(); });
  }
  const double both = took[1] / (arithmetic[1] + costs[1]);
  const double determinant = arithmetic[0] * costs[1] - arithmetic[1] * costs[0];
  double slower = both, dearer = both;
  if (determinant != 0) {
    slower = (took[0] * costs[1] - took[1] * costs[0]) / determinant;
    dearer = (arithmetic[0] * took[1] - arithmetic[1] * took[0]) / determinant;
  }
  if (!(slower >= kLeast && slower <= kMost && dearer >= kLeast && dearer <= kMost)) slower = dearer = both;
  for (auto& pass : rates.convolution)
    for (double& rate : pass) rate /= slower;
  for (double* rate : {&rates.product, &rates.near, &rates.far, &rates.sum, &rates.update}) *rate /= slower;
  for (double& cost : rates.convolution_cost) cost *= dearer;
  rates.product_cost *= dearer;
  rates.kernel_cost *= dearer;
}

/// The slowest worker's rate over that of one alone. `rate`: called by every worker at once.
double share(CpuSlice& slice, double alone, const std::function<double()>& rate) {
  std::vector<double> each(static_cast<std::size_t>(slice.workers()), alone);
  slice.run([&](int worker) {
    const c10::InferenceMode no_autograd;
    each[static_cast<std::size_t>(worker)] = rate();
  });
  return std::clamp(*std::min_element(each.begin(), each.end()) / alone, 0.05, 1.0);
}

}  // namespace

std::string device_key(const CpuDevice& device) {
  return device.model + ", " + device.instruction_set + ", " + std::to_string(device.cores.size()) +
         " cores; troupe " + kVersion + ", LibTorch " + torch_version();
}

DeviceRates calibrate(const CpuDevice& device) {
  DeviceRates rates;
  rates.device = device_key(device);
  rates.cores = static_cast<int>(device.cores.size());
  rates.shared_cache = static_cast<double>(device.shared_cache.count);
  const auto account =
      std::make_shared<Account>("calibration", Bytes{std::numeric_limits<std::int64_t>::max()});
  CpuSlice slice({device.cores.front()}, account, use_one_torch_thread);
  slice.run([&](int) {
    const c10::InferenceMode no_autograd;
    convolutions(rates);
    products(rates);
    state(rates);
    rates.near = Elementwise(kNearPixels).rate();
    rates.far = Elementwise(kFarPixels).rate();
    const Elementwise one(1);
    rates.kernel_cost = seconds_of([&] { one.run(); }) / 3;
  });
  const auto finish = [&] {
    slice.resize({device.cores.front()});
    slice.run([&](int) {
      const c10::InferenceMode no_autograd;
      put_together(rates);
    });
    return rates;
  };
  if (rates.cores == 1) return finish();
  slice.resize(device.cores);
  constexpr int kWidth = 32;
  const auto class_of = static_cast<std::size_t>(std::log2(kWidth / Work::kNarrowest));
  rates.arithmetic_share = share(slice, rates.convolution[Work::forward][class_of], [&] {
    const Convolution c(kWidth, 8, 16);
    return c.flops / c.seconds(Work::forward, kCrowded);
  });
  rates.near_share = share(slice, rates.near, [] { return Elementwise(kNearPixels).rate(kCrowded); });
  rates.far_share = share(slice, rates.far, [] { return Elementwise(kFarPixels).rate(kCrowded); });
  return finish();
}

}  // namespace troupe::gan
