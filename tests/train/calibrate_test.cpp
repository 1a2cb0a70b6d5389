#include "train/gan/calibrate.hpp"

#include <gtest/gtest.h>

#include "gpu/torch_allocator.hpp"

namespace troupe::gan {
namespace {

TEST(Calibrate, MeasuresEveryRateOfThisMachine) {
  install_torch_allocator();
  const auto device = discover_cpu();
  ASSERT_TRUE(device) << device.error().text();
  const auto rates = calibrate(*device);
  EXPECT_TRUE(rates.valid());
  EXPECT_EQ(rates.device, device_key(*device));
  EXPECT_EQ(rates.cores, static_cast<int>(device->cores.size()));
}

TEST(Calibrate, IsOfOneDeviceAndVersion) {
  CpuDevice a{.model = "A", .instruction_set = "avx2", .cores = std::vector<Core>(2), .memory = gib(1)};
  auto other = a;
  other.cores.resize(3);
  EXPECT_NE(device_key(a), device_key(other));
  other = a;
  other.model += " of another make";
  EXPECT_NE(device_key(a), device_key(other));
  EXPECT_EQ(device_key(a), device_key(CpuDevice(a)));
}

}  // namespace
}  // namespace troupe::gan
