#include <map>
#include <mutex>

#include "gpu/cuda/driver.hpp"
#include "gpu/cuda/driver_table.hpp"
#include "gpu/cuda/library.hpp"

namespace troupe::cuda {
namespace {

constexpr const char* kNoGreen =
    "slices of a GPU want a driver of CUDA 12.5 or later; give the job the whole GPU, or renew the driver.";

template <class T, class H>
T native(H handle) {
  return reinterpret_cast<T>(handle.value);
}
CUstream native(Stream stream) {
  return stream == kThreadStream ? CU_STREAM_PER_THREAD : reinterpret_cast<CUstream>(stream.value);
}
template <class H, class T>
H wrap(T object) {
  return H{reinterpret_cast<std::uintptr_t>(object)};
}

class RealDriver final : public Driver {
  Error error(CUresult code, const char* call) const {
    const char* text = nullptr;
    (void)cu_.GetErrorString(code, &text);
    Error e{ErrorCode::internal, std::string(call) + " failed: " + (text ? text : "no text"),
            "the GPU's driver", "code " + std::to_string(static_cast<int>(code))};
    if (code == CUDA_ERROR_OUT_OF_MEMORY || code == CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION)
      e.code = ErrorCode::no_capacity;
    if (code == CUDA_ERROR_NO_DEVICE || code == CUDA_ERROR_INVALID_DEVICE) e.code = ErrorCode::not_found;
    return e;
  }

  Result<void> did(CUresult code, const char* call) const {
    if (code != CUDA_SUCCESS) return fail(error(code, call));
    return {};
  }
  /// `value` as the call left it.
  template <class F>
  auto made(CUresult code, const char* call, const F& value) const {
    if constexpr (std::is_invocable_v<F>) {
      using T = decltype(value());
      return code == CUDA_SUCCESS ? Result<T>(value()) : Result<T>(fail(error(code, call)));
    } else {
      return code == CUDA_SUCCESS ? Result<F>(value) : Result<F>(fail(error(code, call)));
    }
  }

 public:
  RealDriver(std::shared_ptr<Library> library, const DriverTable& table)
      : library_(std::move(library)), cu_(table) {}
  ~RealDriver() override {
    for (const auto& [device, context] : primary_) (void)cu_.DevicePrimaryCtxRelease(device);
  }

  Result<int> version() override {
    int version = 0;
    return made(cu_.DriverGetVersion(&version), "cuDriverGetVersion", version);
  }
  Result<int> devices() override {
    int count = 0;
    return made(cu_.DeviceGetCount(&count), "cuDeviceGetCount", count);
  }
  Result<DeviceFacts> device(int number) override;
  Result<void> enter(int number) override;

  Result<SmResource> sm_resource(int number) override;
  Result<Split> split(const SmResource& whole, unsigned parts, unsigned least) override;
  Result<Context> make_context(std::span<const SmResource> parts) override;
  Result<unsigned> sms_in_force(Context context) override {
    CUdevResource resource{};
    const auto code =
        cu_.GreenCtxGetDevResource(native<CUgreenCtx>(context), &resource, CU_DEV_RESOURCE_TYPE_SM);
    return made(code, "cuGreenCtxGetDevResource", resource.sm.smCount);
  }
  Result<Stream> make_stream(Context context) override {
    CUstream stream = nullptr;
    // not blocking: the legacy default stream would otherwise wait for it, and it for that
    if (!context)
      return made(cu_.StreamCreate(&stream, CU_STREAM_NON_BLOCKING), "cuStreamCreate",
                  [&] { return wrap<Stream>(stream); });
    const auto code =
        cu_.GreenCtxStreamCreate(&stream, native<CUgreenCtx>(context), CU_STREAM_NON_BLOCKING, 0);
    return made(code, "cuGreenCtxStreamCreate", wrap<Stream>(stream));
  }
  Result<void> synchronize(Stream stream) override {
    return did(cu_.StreamSynchronize(native(stream)), "cuStreamSynchronize");
  }

  Result<Pool> make_pool(int number, Bytes limit) override;
  Result<PoolCounts> pool_counts(Pool pool) override;
  Result<void> trim(Pool pool, Bytes keep) override {
    return did(cu_.MemPoolTrimTo(native<CUmemoryPool>(pool), static_cast<std::size_t>(keep.count)),
               "cuMemPoolTrimTo");
  }
  Result<Address> allocate(Pool pool, Stream stream, Bytes bytes) override {
    CUdeviceptr at = 0;
    const auto code = cu_.MemAllocFromPoolAsync(&at, static_cast<std::size_t>(bytes.count),
                                                native<CUmemoryPool>(pool), native(stream));
    return made(code, "cuMemAllocFromPoolAsync", Address{static_cast<std::uintptr_t>(at)});
  }
  Result<void> free(Address address, Stream stream) override {
    return did(cu_.MemFreeAsync(static_cast<CUdeviceptr>(address.value), native(stream)), "cuMemFreeAsync");
  }

  Result<void> copy(void* to, const void* from, Bytes bytes, Stream stream) override {
    const auto address = [](const void* at) {
      return static_cast<CUdeviceptr>(reinterpret_cast<std::uintptr_t>(at));
    };
    return did(
        cu_.MemcpyAsync(address(to), address(from), static_cast<std::size_t>(bytes.count), native(stream)),
        "cuMemcpyAsync");
  }

  Result<Event> make_event() override {
    CUevent event = nullptr;
    return made(cu_.EventCreate(&event, CU_EVENT_DEFAULT), "cuEventCreate",
                [&] { return wrap<Event>(event); });
  }
  Result<void> record(Event event, Stream stream) override {
    return did(cu_.EventRecord(native<CUevent>(event), native(stream)), "cuEventRecord");
  }
  Result<void> wait(Stream stream, Event event) override {
    return did(cu_.StreamWaitEvent(native(stream), native<CUevent>(event), 0), "cuStreamWaitEvent");
  }
  Result<bool> done(Event event) override {
    const auto code = cu_.EventQuery(native<CUevent>(event));
    if (code == CUDA_ERROR_NOT_READY) return false;
    return made(code, "cuEventQuery", true);
  }
  Result<double> seconds_between(Event from, Event to) override {
    float ms = 0;
    const auto code = cu_.EventElapsedTime(&ms, native<CUevent>(from), native<CUevent>(to));
    return made(code, "cuEventElapsedTime", [&] { return static_cast<double>(ms) * 1e-3; });
  }

  Result<void> destroy(Context c) override {
    return did(cu_.GreenCtxDestroy(native<CUgreenCtx>(c)), "cuGreenCtxDestroy");
  }
  Result<void> destroy(Stream s) override { return did(cu_.StreamDestroy(native(s)), "cuStreamDestroy"); }
  Result<void> destroy(Pool p) override {
    return did(cu_.MemPoolDestroy(native<CUmemoryPool>(p)), "cuMemPoolDestroy");
  }
  Result<void> destroy(Event e) override {
    return did(cu_.EventDestroy(native<CUevent>(e)), "cuEventDestroy");
  }

 private:
  Result<CUdevice> find(int number) const {
    CUdevice device = 0;
    return made(cu_.DeviceGet(&device, number), "cuDeviceGet", [&] { return device; });
  }
  static SmResource described(const CUdevResource& r, int device) {
    return {r.sm.smCount, r.sm.minSmPartitionSize, r.sm.smCoscheduledAlignment, device,
            std::make_shared<const CUdevResource>(r)};
  }
  Result<void> want_green() const {
    if (cu_.GreenCtxStreamCreate != nullptr) return {};
    return fail(
        {ErrorCode::not_found, "the driver knows no green contexts", "the GPU's driver", {}, {}, kNoGreen});
  }

  std::shared_ptr<Library> library_;
  DriverTable cu_;
  std::mutex mutex_;  // over primary_
  std::map<CUdevice, CUcontext> primary_;
};

Result<DeviceFacts> RealDriver::device(int number) {
  auto device = find(number);
  if (!device) return fail(std::move(device.error()));
  char name[256] = {}, bus[32] = {};
  int major = 0, minor = 0, sms = 0;
  std::size_t memory = 0;
  const auto read = [&](int& into, CUdevice_attribute which) {
    return cu_.DeviceGetAttribute(&into, which, *device);
  };
  CUresult code = cu_.DeviceGetName(name, sizeof name - 1, *device);
  if (code == CUDA_SUCCESS) code = cu_.DeviceGetPCIBusId(bus, sizeof bus - 1, *device);
  if (code == CUDA_SUCCESS) code = read(major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  if (code == CUDA_SUCCESS) code = read(minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  if (code == CUDA_SUCCESS) code = read(sms, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  if (code == CUDA_SUCCESS) code = cu_.DeviceTotalMem(&memory, *device);
  if (code != CUDA_SUCCESS) return fail(error(code, "a question about the device"));
  return DeviceFacts{
      name, bus, major, minor, static_cast<unsigned>(sms), {static_cast<std::int64_t>(memory)}};
}

Result<void> RealDriver::enter(int number) {
  auto device = find(number);
  if (!device) return fail(std::move(device.error()));
  const std::lock_guard lock(mutex_);
  auto found = primary_.find(*device);
  if (found == primary_.end()) {
    CUcontext context = nullptr;
    if (const auto code = cu_.DevicePrimaryCtxRetain(&context, *device); code != CUDA_SUCCESS)
      return fail(error(code, "cuDevicePrimaryCtxRetain"));
    found = primary_.emplace(*device, context).first;
  }
  return did(cu_.CtxSetCurrent(found->second), "cuCtxSetCurrent");
}

Result<SmResource> RealDriver::sm_resource(int number) {
  if (auto ok = want_green(); !ok) return fail(std::move(ok.error()));
  auto device = find(number);
  if (!device) return fail(std::move(device.error()));
  CUdevResource resource{};
  const auto code = cu_.DeviceGetDevResource(*device, &resource, CU_DEV_RESOURCE_TYPE_SM);
  return made(code, "cuDeviceGetDevResource", [&] { return described(resource, number); });
}

Result<Split> RealDriver::split(const SmResource& whole, unsigned parts, unsigned least) {
  std::vector<CUdevResource> made_parts(parts);
  CUdevResource rest{};
  unsigned count = parts;
  const auto code = cu_.DevSmResourceSplitByCount(
      made_parts.data(), &count, static_cast<const CUdevResource*>(whole.native.get()), &rest, 0, least);
  if (code != CUDA_SUCCESS) return fail(error(code, "cuDevSmResourceSplitByCount"));
  Split result;
  for (unsigned i = 0; i < count; ++i) result.parts.push_back(described(made_parts[i], whole.device));
  if (rest.type == CU_DEV_RESOURCE_TYPE_SM && rest.sm.smCount > 0)
    result.rest = described(rest, whole.device);
  return result;
}

Result<Context> RealDriver::make_context(std::span<const SmResource> parts) {
  if (parts.empty()) return fail({ErrorCode::internal, "a context of no SMs was asked for", "gpu slice"});
  auto device = find(parts.front().device);
  if (!device) return fail(std::move(device.error()));
  std::vector<CUdevResource> resources;
  for (const auto& part : parts) resources.push_back(*static_cast<const CUdevResource*>(part.native.get()));
  CUdevResourceDesc description = nullptr;
  auto code =
      cu_.DevResourceGenerateDesc(&description, resources.data(), static_cast<unsigned>(resources.size()));
  if (code != CUDA_SUCCESS) return fail(error(code, "cuDevResourceGenerateDesc"));
  CUgreenCtx context = nullptr;
  code = cu_.GreenCtxCreate(&context, description, *device, CU_GREEN_CTX_DEFAULT_STREAM);
  return made(code, "cuGreenCtxCreate", [&] { return wrap<Context>(context); });
}

Result<Pool> RealDriver::make_pool(int number, Bytes limit) {
  CUmemPoolProps props{};
  props.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  props.location = {CU_MEM_LOCATION_TYPE_DEVICE, number};
  props.maxSize = static_cast<std::size_t>(limit.count);
  CUmemoryPool pool = nullptr;
  if (const auto code = cu_.MemPoolCreate(&pool, &props); code != CUDA_SUCCESS)
    return fail(error(code, "cuMemPoolCreate"));
  // else the pool gives everything back at each synchronisation and takes it anew
  cuuint64_t keep = static_cast<cuuint64_t>(limit.count);
  if (const auto code = cu_.MemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &keep);
      code != CUDA_SUCCESS) {
    (void)cu_.MemPoolDestroy(pool);
    return fail(error(code, "cuMemPoolSetAttribute"));
  }
  return wrap<Pool>(pool);
}

Result<PoolCounts> RealDriver::pool_counts(Pool pool) {
  PoolCounts counts;
  const std::pair<CUmemPool_attribute, Bytes*> all[] = {
      {CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT, &counts.reserved},
      {CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH, &counts.reserved_peak},
      {CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &counts.used},
      {CU_MEMPOOL_ATTR_USED_MEM_HIGH, &counts.used_peak}};
  for (const auto& [which, into] : all) {
    cuuint64_t value = 0;
    if (const auto code = cu_.MemPoolGetAttribute(native<CUmemoryPool>(pool), which, &value);
        code != CUDA_SUCCESS)
      return fail(error(code, "cuMemPoolGetAttribute"));
    into->count = static_cast<std::int64_t>(value);
  }
  return counts;
}

Error no_driver(std::string what, const std::string& library, std::string given = {}) {
  return {ErrorCode::not_found,
          std::move(what),
          library,
          std::move(given),
          {},
          "GPU slices want NVIDIA's driver (nvidia-smi tells whether it runs); CPU slices work without."};
}

Result<DriverTable> load_table(const Library& library, const std::string& name) {
  const auto entry = reinterpret_cast<decltype(&::cuGetProcAddress)>(library.symbol("cuGetProcAddress_v2"));
  if (entry == nullptr) return fail(no_driver("the GPU's driver is older than CUDA 12.0", name));
  const auto find = [&](const char* symbol, int version) {
    void* found = nullptr;
    CUdriverProcAddressQueryResult status{};
    const auto code = entry(symbol, &found, version, CU_GET_PROC_ADDRESS_DEFAULT, &status);
    return code == CUDA_SUCCESS && status == CU_GET_PROC_ADDRESS_SUCCESS ? found : nullptr;
  };
  DriverTable table;
#define TROUPE_LOAD(entry_name, version) \
  table.entry_name = reinterpret_cast<decltype(table.entry_name)>(find("cu" #entry_name, version));
  TROUPE_DRIVER_ENTRIES(TROUPE_LOAD)
  TROUPE_DRIVER_GREEN_ENTRIES(TROUPE_LOAD)
#undef TROUPE_LOAD
#define TROUPE_WANT(entry_name, version) \
  if (table.entry_name == nullptr) return fail(no_driver("the GPU's driver lacks cu" #entry_name, name));
  TROUPE_DRIVER_ENTRIES(TROUPE_WANT)
#undef TROUPE_WANT
  return table;
}

}  // namespace

Result<std::shared_ptr<Driver>> open_driver(const std::string& name) {
  auto library = Library::open(name);
  if (!library) return fail(no_driver("there is no GPU driver", name, library.error().what));
  auto table = load_table(**library, name);
  if (!table) return fail(std::move(table.error()));
  if (const auto code = table->Init(0); code != CUDA_SUCCESS) {
    const char* text = nullptr;
    (void)table->GetErrorString(code, &text);
    return fail(
        no_driver(std::string("the GPU's driver does not start: ") + (text ? text : "no text"), name));
  }
  return std::shared_ptr<Driver>(std::make_shared<RealDriver>(std::move(*library), *table));
}

bool built_with_cuda() noexcept { return true; }

}  // namespace troupe::cuda
