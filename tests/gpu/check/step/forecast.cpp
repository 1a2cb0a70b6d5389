// What a phase was foretold to hold of the device, against what its slice then held.
#include "train/gan/device/forecast.hpp"

#include "tests/gpu/check/step/job.hpp"

namespace troupe::cuda::check {
namespace {

/// A phase's first steps, which fade its layers in, and its last, which don't: eager, captured, replayed.
constexpr int kSteps = 6;

void check_size(const World& world, int size, Report& report) {
  const JobOptions options{
      .size = size, .pieces = world.all(), .budget = world.most, .fade = 0.5, .steps = 4 * kSteps};
  const JobConfig config = gan_config(world, options);
  const gan::NetShape shape{1, config.gan.latent, 1, config.gan.fmap_base, config.gan.fmap_max, 4, size};
  const double start = seconds_now();
  meta::Measured measured;
  const gan::DeviceBytes told =
      gan::forecast_device(config.gan, shape, shape.phases() - 1, world.options(at::kFloat), measured);
  const double seconds = seconds_now() - start;
  Job job(world, options);
  job.steps(kSteps);
  job.skip_to(3 * kSteps);
  job.steps(kSteps);
  const Bytes peak = job.peak();
  report.sample({{"of", "forecast"},
                 {"what", "GAN " + std::to_string(size) + "x" + std::to_string(size)},
                 {"told", gan::on_gpu(told).count},
                 {"held", peak.count},
                 {"seconds", seconds},
                 {"blocks", told.blocks.count},
                 {"tensors", told.tensors.count},
                 {"of_torch", job.half().taken.count}});
}

}  // namespace

void check_forecast(const World& world, Report& report) {
  std::vector<int> sizes = world.host ? std::vector{4, 8} : std::vector{8, 32, 128, 512, 4, 16, 64, 256};
  if (!world.given.arguments.empty()) sizes = {std::stoi(world.given.arguments.front())};
  for (const int size : sizes) {
    try {
      check_size(world, size, report);
    } catch (...) {  // the others are asked all the same
      report.failed("forecast of the GAN at " + std::to_string(size), from_current_exception("forecast"));
    }
  }
}

}  // namespace troupe::cuda::check
