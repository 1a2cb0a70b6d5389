// NVML by dlopen. Its ABI is stable, and all that is used of it stands below: no header of it is wanted to
// build.
#include "gpu/cuda/library.hpp"
#include "gpu/cuda/nvml.hpp"

namespace troupe::cuda {
namespace {

// nvml.h's.
enum Code { kSuccess = 0, kInvalidArgument = 2, kNotFound = 6 };
constexpr int kSmClock = 1, kMemoryClock = 2, kGpuSensor = 0;
using Device = void*;
struct Memory {
  unsigned long long total, free, used;
};
struct Utilization {
  unsigned gpu, memory;
};
constexpr unsigned kVersionLength = 96;

struct Table {
  int (*Init)() = nullptr;
  int (*Shutdown)() = nullptr;
  const char* (*ErrorString)(int) = nullptr;
  int (*SystemGetDriverVersion)(char*, unsigned) = nullptr;
  int (*DeviceGetHandleByPciBusId)(const char*, Device*) = nullptr;
  // each of these may be missing, and may fail for devices that do not tell
  int (*DeviceGetPowerUsage)(Device, unsigned*) = nullptr;
  int (*DeviceGetEnforcedPowerLimit)(Device, unsigned*) = nullptr;
  int (*DeviceGetClockInfo)(Device, int, unsigned*) = nullptr;
  int (*DeviceGetUtilizationRates)(Device, Utilization*) = nullptr;
  int (*DeviceGetTemperature)(Device, int, unsigned*) = nullptr;
  int (*DeviceGetMemoryInfo)(Device, Memory*) = nullptr;
  int (*DeviceGetCurrentClocksThrottleReasons)(Device, unsigned long long*) = nullptr;
};

/// The answer of a question that may not be there, or fail.
template <class T, class F, class... A>
std::optional<T> asked(F function, A... arguments) {
  T value{};
  if (function == nullptr || function(arguments..., &value) != kSuccess) return std::nullopt;
  return value;
}

class RealNvml final : public Nvml {
 public:
  RealNvml(std::shared_ptr<Library> library, const Table& table)
      : library_(std::move(library)), nvml_(table) {}
  ~RealNvml() override { (void)nvml_.Shutdown(); }

  Result<std::string> driver() override {
    char text[kVersionLength] = {};
    const int code = nvml_.SystemGetDriverVersion(text, sizeof text - 1);
    if (code != kSuccess) return fail(error(code, "nvmlSystemGetDriverVersion"));
    return std::string(text);
  }

  Result<DeviceHealth> health(const std::string& bus) override {
    Device device = nullptr;
    const int code = nvml_.DeviceGetHandleByPciBusId(bus.c_str(), &device);
    if (code != kSuccess) return fail(error(code, "nvmlDeviceGetHandleByPciBusId"));
    DeviceHealth h;
    const auto milli = [](std::optional<unsigned> value) {
      return value ? std::optional<double>(*value * 1e-3) : std::nullopt;
    };
    h.watts = milli(asked<unsigned>(nvml_.DeviceGetPowerUsage, device));
    h.watts_most = milli(asked<unsigned>(nvml_.DeviceGetEnforcedPowerLimit, device));
    h.sm_mhz = asked<unsigned>(nvml_.DeviceGetClockInfo, device, kSmClock);
    h.memory_mhz = asked<unsigned>(nvml_.DeviceGetClockInfo, device, kMemoryClock);
    h.celsius = asked<unsigned>(nvml_.DeviceGetTemperature, device, kGpuSensor);
    if (const auto busy = asked<Utilization>(nvml_.DeviceGetUtilizationRates, device)) {
      h.busy_percent = busy->gpu;
      h.memory_busy_percent = busy->memory;
    }
    if (const auto memory = asked<Memory>(nvml_.DeviceGetMemoryInfo, device))
      h.memory_used = Bytes{static_cast<std::int64_t>(memory->used)};
    if (const auto bits = asked<unsigned long long>(nvml_.DeviceGetCurrentClocksThrottleReasons, device))
      h.throttled = throttling(*bits);
    return h;
  }

 private:
  Error error(int code, const char* call) const {
    const bool none = code == kNotFound || code == kInvalidArgument;
    return {none ? ErrorCode::not_found : ErrorCode::internal,
            std::string(call) + " failed: " + nvml_.ErrorString(code), "NVML"};
  }

  std::shared_ptr<Library> library_;
  Table nvml_;
};

template <class F>
bool load(const Library& library, const char* name, F& into) {
  into = reinterpret_cast<F>(library.symbol(name));
  return into != nullptr;
}

Error no_nvml(std::string what, std::string where, std::string given = {}) {
  return {ErrorCode::not_found,
          std::move(what),
          std::move(where),
          std::move(given),
          {},
          "power, clocks and load of GPUs are told by NVML, which comes with NVIDIA's driver."};
}

}  // namespace

Throttling throttling(std::uint64_t bits) {
  struct Reason {
    std::uint64_t bit;
    const char* text;
    bool trouble;
  };
  // nvml.h's nvmlClocksThrottleReason…, but the first: a device at rest
  constexpr Reason all[] = {
      {0x2, "clocks set by hand", false},       {0x4, "its power limit", false},
      {0x8, "the hardware slows down", true},   {0x10, "clocks kept equal in a group", false},
      {0x20, "heat (by software)", true},       {0x40, "heat (by hardware)", true},
      {0x80, "the power supply's brake", true}, {0x100, "clocks of a display", false}};
  Throttling t;
  for (const auto& reason : all) {
    if ((bits & reason.bit) == 0) continue;
    t.reasons.emplace_back(reason.text);
    t.trouble = t.trouble || reason.trouble;
  }
  return t;
}

DeviceSample sample_of(const DeviceHealth& h) {
  constexpr double kMega = 1e6, kPercent = 0.01;
  const auto times = [](std::optional<unsigned> value, double unit) {
    return value ? std::optional(*value * unit) : std::nullopt;
  };
  DeviceSample s{h.watts,
                 h.watts_most,
                 times(h.celsius, 1),
                 times(h.sm_mhz, kMega),
                 times(h.memory_mhz, kMega),
                 times(h.busy_percent, kPercent),
                 times(h.memory_busy_percent, kPercent),
                 h.memory_used,
                 {}};
  if (h.throttled) s.throttled_by = h.throttled->reasons;
  return s;
}

Result<std::shared_ptr<Nvml>> open_nvml(const std::string& name) {
  auto library = Library::open(name);
  if (!library) return fail(no_nvml("there is no NVML", name, library.error().what));
  const Library& l = **library;
  Table t;
  const bool all = load(l, "nvmlInit_v2", t.Init) && load(l, "nvmlShutdown", t.Shutdown) &&
                   load(l, "nvmlErrorString", t.ErrorString) &&
                   load(l, "nvmlSystemGetDriverVersion", t.SystemGetDriverVersion) &&
                   load(l, "nvmlDeviceGetHandleByPciBusId_v2", t.DeviceGetHandleByPciBusId);
  if (!all) return fail(no_nvml("it is no NVML", name));
  load(l, "nvmlDeviceGetPowerUsage", t.DeviceGetPowerUsage);
  load(l, "nvmlDeviceGetEnforcedPowerLimit", t.DeviceGetEnforcedPowerLimit);
  load(l, "nvmlDeviceGetClockInfo", t.DeviceGetClockInfo);
  load(l, "nvmlDeviceGetUtilizationRates", t.DeviceGetUtilizationRates);
  load(l, "nvmlDeviceGetTemperature", t.DeviceGetTemperature);
  load(l, "nvmlDeviceGetMemoryInfo", t.DeviceGetMemoryInfo);
  load(l, "nvmlDeviceGetCurrentClocksThrottleReasons", t.DeviceGetCurrentClocksThrottleReasons);
  if (const int code = t.Init(); code != kSuccess)
    return fail(no_nvml(std::string("NVML does not start: ") + t.ErrorString(code), name));
  return std::shared_ptr<Nvml>(std::make_shared<RealNvml>(std::move(*library), t));
}

}  // namespace troupe::cuda
