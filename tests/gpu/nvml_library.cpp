// A library with NVML's entry points for one H100 at 0000:1b:00.0 that throttles by heat; what it does not
// know it refuses. real_nvml.cpp is held against it.
#include <cstdio>
#include <cstring>

namespace {
int device;
constexpr int kSuccess = 0, kNotSupported = 3, kNotFound = 6;
}  // namespace

extern "C" {
int nvmlInit_v2() { return kSuccess; }
int nvmlShutdown() { return kSuccess; }
const char* nvmlErrorString(int code) { return code == kNotFound ? "Not Found" : "Not Supported"; }
int nvmlSystemGetDriverVersion(char* text, unsigned size) {
  std::snprintf(text, size, "580.159.04");
  return kSuccess;
}
int nvmlDeviceGetHandleByPciBusId_v2(const char* bus, void** out) {
  if (std::strcmp(bus, "0000:1b:00.0") != 0) return kNotFound;
  *out = &device;
  return kSuccess;
}
int nvmlDeviceGetPowerUsage(void* d, unsigned* milliwatts) {
  *milliwatts = 71'250;
  return d == &device ? kSuccess : kNotFound;
}
int nvmlDeviceGetEnforcedPowerLimit(void*, unsigned*) { return kNotSupported; }
int nvmlDeviceGetClockInfo(void*, int type, unsigned* mhz) {
  *mhz = type == 1 ? 345 : 2619;
  return type == 1 || type == 2 ? kSuccess : kNotSupported;
}
int nvmlDeviceGetUtilizationRates(void*, unsigned* gpu_and_memory) {
  gpu_and_memory[0] = 12;
  gpu_and_memory[1] = 3;
  return kSuccess;
}
int nvmlDeviceGetMemoryInfo(void*, unsigned long long* total_free_used) {
  total_free_used[0] = 80ULL << 30;
  total_free_used[1] = 79ULL << 30;
  total_free_used[2] = 1ULL << 30;
  return kSuccess;
}
int nvmlDeviceGetCurrentClocksThrottleReasons(void*, unsigned long long* bits) {
  *bits = 0x1 | 0x40;
  return kSuccess;
}
}
