#pragma once
// What every part over LibTorch is given: device 0, cut, with the libraries of its kernels and of LibTorch's
// half of a slice; or stand-ins of the host's memory, so that all parts run in tests too.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/gpu/check/sections.hpp"
#include "train/gan/device/gpu_slices.hpp"
#include "train/gan/device/weights.hpp"

namespace troupe::cuda::check {

/// gpu_check_step PART FOLDER KERNELS HALF [ARGUMENT…]
struct Given {
  std::string part, folder, kernels, half;
  std::vector<std::string> arguments;
};

struct World {
  Given given;
  std::shared_ptr<Driver> driver;
  std::shared_ptr<const CutDevice> cut;
  std::shared_ptr<const Kernels> kernels;
  std::function<Result<std::unique_ptr<TorchHalf>>(GpuSlice&)> attach;
  Bytes most;         // of the device, by all slices together
  bool host = false;  // stand-ins; then parts are as small as they can be

  gan::GpuParts parts() const { return {driver, cut, kernels, attach, most, !host}; }
  gan::DeviceOptions options(at::ScalarType compute) const {
    return {.device = host ? at::Device(at::kCPU) : at::Device(at::kCUDA, 0), .compute = compute};
  }
  int pieces() const { return static_cast<int>(cut->grid.pieces); }
  /// Neighbours: first … first+count-1.
  static std::vector<int> run(int first, int count) {
    std::vector<int> all;
    for (int i = first; i < first + count; ++i) all.push_back(i);
    return all;
  }
  std::vector<int> all() const { return run(0, pieces()); }
  /// The widths of ./dev bench speed's largest networks.
  int base() const { return host ? 64 : 2048; }
  int widest() const { return host ? 8 : 128; }
};

/// Nothing where there is no GPU: `why` says so. Throws ErrorException where there is one that can't be used.
std::unique_ptr<World> open_world(Given given, std::string& why);

void check_step(const World& world, Report& report);
void check_edges(const World& world, Report& report);
void check_bits(const World& world, Report& report);
void check_speed(const World& world, Report& report);
void check_packing(const World& world, Report& report);
void check_forecast(const World& world, Report& report);
void check_unets(const World& world, Report& report);
/// A process of its own for check_packing; its exit code.
int run_child(const World& world);

}  // namespace troupe::cuda::check
