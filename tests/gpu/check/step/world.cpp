#include "tests/gpu/check/step/world.hpp"

#include <utility>

#include "gpu/torch_allocator.hpp"
#include "tests/train/locked_driver.hpp"

namespace troupe::cuda::check {
namespace {

/// Of the device's memory; the rest is for contexts and libraries, as in the command (cli/wiring.cpp).
constexpr double kMemoryShare = 0.9;

}  // namespace

std::unique_ptr<World> open_world(Given given, std::string& why) {
  auto world = std::make_unique<World>();
  world->host = given.half == "host";
  if (world->host) {
    world->driver = std::make_shared<test::LockedDriver>(std::make_shared<test::HostDriver>());
  } else {
    auto driver = open_driver();
    if (!driver) {
      why = driver.error().text();
      return nullptr;
    }
    world->driver = std::move(*driver);
  }
  const auto count = world->driver->devices();
  if (!count || *count == 0) {
    why = count ? "the driver has no device" : count.error().text();
    return nullptr;
  }
  // LibTorch's tensors of the host are counted: forecasts measure with them, and stand-ins are made of them
  install_torch_allocator();
  use_one_torch_thread();
  want(world->driver->enter(0));
  world->cut = want(cut_device(*world->driver, 0));
  world->kernels = std::make_shared<const Kernels>(want(Kernels::open(given.kernels)));
  if (world->host) {
    world->most = gib(2);
    world->attach = [](GpuSlice& slice) -> Result<std::unique_ptr<TorchHalf>> {
      return std::make_unique<test::ChargedHalf>(slice.account());
    };
  } else {
    const auto facts = want(world->driver->device(0));
    world->most = {static_cast<std::int64_t>(kMemoryShare * static_cast<double>(facts.memory.count))};
    const TorchLibrary library = want(TorchLibrary::open(given.half, torch_version()));
    world->attach = [library](GpuSlice& slice) { return library.attach(slice, 0); };
  }
  world->given = std::move(given);
  return world;
}

}  // namespace troupe::cuda::check
