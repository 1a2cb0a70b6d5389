// A module of a user's own on a slice: its forecast by the meta device against what LibTorch's allocator then
// gave out, and what the slice gave for that.
#include <ATen/ATen.h>
#include <c10/core/CachingDeviceAllocator.h>

#include <optional>

#include "tests/gpu/check/step/world.hpp"
#include "tests/predict/module/nets.hpp"

namespace troupe::cuda::check {
namespace {

struct Net {
  int base, depth;
  std::int64_t side, batch;
  std::string name() const {
    return "U-Net of " + std::to_string(base) + " channels, " + std::to_string(depth) + " halvings, " +
           std::to_string(batch) + " images of " + std::to_string(side) + "x" + std::to_string(side);
  }
};

/// Bytes of tensors at most since the last call; LibTorch's own count.
std::int64_t allocated_peak(bool anew) {
  auto* const allocator = c10::getDeviceAllocator(at::kCUDA);
  if (anew) allocator->resetPeakStats(0);
  constexpr auto kAll = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  const auto stats = allocator->getDeviceStats(0);
  return anew ? stats.allocated_bytes[kAll].current : stats.allocated_bytes[kAll].peak;
}

void check_net(const World& world, const Net& net, Report& report) {
  meta::Measured measured;
  const auto told = meta::forecast_step(
      [&] { return test::unet_step<2>(net.base, net.depth, net.side, net.batch); }, measured);
  if (!told) throw ErrorException(told.error());
  const auto slice = want(GpuSlice::open(
      world.driver, world.cut,
      {.owner = "gpu-check", .run = {0, world.cut->grid.pieces}, .budget = world.most, .most = world.most}));
  const auto half = want(world.attach(*slice));
  const auto device = world.options(at::kFloat).device;
  const std::int64_t before = world.host ? slice->account()->held().count : allocated_peak(true);
  std::optional<meta::ModuleStep> step;
  want(half->run([&] {
    step = test::unet_step<2>(net.base, net.depth, net.side, net.batch, device);
    for (int i = 0; i < 2; ++i) step->run();
  }));
  want(world.driver->synchronize(slice->stream()));
  const std::int64_t peak = slice->account()->peak().count;
  const std::int64_t held = (world.host ? peak : allocated_peak(false)) - before;
  want(half->run([&] { step.reset(); }));
  report.sample({{"of", "forecast"},
                 {"what", net.name()},
                 {"told", told->peak + told->headroom},
                 {"held", held},
                 {"of_slice", peak}});
  report.figure(net.name() + ": taken of the slice, over what its tensors came to",
                static_cast<double>(peak) / static_cast<double>(held), "ratio");
}

}  // namespace

void check_unets(const World& world, Report& report) {
  const std::vector<Net> nets =
      world.host ? std::vector<Net>{{8, 2, 64, 2}} : std::vector<Net>{{32, 4, 128, 8}, {16, 4, 256, 4}};
  for (const Net& net : nets) {
    try {
      check_net(world, net, report);
    } catch (...) {
      report.failed("forecast of a " + net.name(), from_current_exception("forecast"));
    }
  }
}

}  // namespace troupe::cuda::check
