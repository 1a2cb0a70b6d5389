#include "cli/wiring.hpp"

#include <fmt/core.h>
#include <pwd.h>
#include <spdlog/version.h>
#include <unistd.h>

#include <CLI/Version.hpp>
#include <caf/config.hpp>
#include <cstdlib>
#include <utility>

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/version.hpp"
#include "transport/control_link.hpp"
#ifdef TROUPE_HAS_TORCH

#include "gpu/gloo_sum.hpp"
#include "gpu/torch_allocator.hpp"
#include "train/gan.hpp"
#include "train/gan/calibrate.hpp"
#include "train/gan/device/gpu_slices.hpp"
#endif

namespace troupe {
namespace {

class RealCluster final : public RunningCluster {
 public:
  explicit RealCluster(std::unique_ptr<Cluster> cluster) : cluster_(std::move(cluster)) {}
  int port() const override { return cluster_->port(); }
  int metrics_port() const override { return cluster_->metrics_port(); }
  Result<Json> request(const std::string& verb, const Json& arguments, double timeout_seconds) override {
    return cluster_->request(verb, arguments, timeout_seconds);
  }

 private:
  std::unique_ptr<Cluster> cluster_;
};

Result<std::unique_ptr<RunningCluster>> start_cluster(ClusterOptions options) {
#ifdef TROUPE_HAS_TORCH
  install_torch_allocator();
#endif
  auto cluster = Cluster::start(std::move(options));
  if (!cluster) return fail(cluster.error());
  return std::unique_ptr<RunningCluster>(new RealCluster(std::move(*cluster)));
}

class RealNode final : public RunningNode {
 public:
  explicit RealNode(std::unique_ptr<NodeProcess> node) : node_(std::move(node)) {}
  Result<void> join() override { return node_->join(); }
  bool joined() const override { return node_->joined(); }
  void leave(double seconds) override { node_->leave(seconds); }
  const std::string& endpoint() const override { return node_->endpoint(); }

 private:
  std::unique_ptr<NodeProcess> node_;
};

Result<std::unique_ptr<RunningNode>> start_node(NodeProcessOptions options,
                                                const std::filesystem::path& folder) {
#ifdef TROUPE_HAS_TORCH
  install_torch_allocator();
#endif
  if (!folder.empty()) {
    auto keys = load_keys(folder, SystemClock().unix_time(), options.node.name);
    if (!keys) return fail(keys.error());
    options.head.keys = *keys;
  }
  auto node = NodeProcess::start(std::move(options));
  if (!node) return fail(node.error());
  return std::unique_ptr<RunningNode>(new RealNode(std::move(*node)));
}

constexpr std::size_t kMostAccountText = 1 << 14;  // bytes of one entry of the account list

Result<Request> connect_to(const ClusterAddress& to) {
  ControlAddress address{.host = to.host, .port = to.port};
  if (!to.keys.empty()) {
    auto keys = load_keys(to.keys, SystemClock().unix_time());
    if (!keys) return fail(keys.error());
    address.keys = *keys;
  }
  auto client = ControlClient::connect(address);
  if (!client) return fail(client.error());
  std::shared_ptr<ControlClient> kept = std::move(*client);
  return Request([kept](const std::string& verb, const Json& arguments, double timeout_seconds) {
    return kept->request(verb, arguments, timeout_seconds);
  });
}

std::map<std::string, ProgramFactory> built_in_kinds() {
  std::map<std::string, ProgramFactory> kinds;
#ifdef TROUPE_HAS_TORCH
  kinds["gan"] = [](const ProgramContext& context) { return make_gan(context); };
#endif
  return kinds;
}

#ifdef TROUPE_HAS_TORCH
/// What was measured of a machine goes for all its clusters: the user's cache, or where there is none, the
/// folder of runs.
std::filesystem::path cache_folder(const std::filesystem::path& runs) {
  const auto set = [](const char* name) {
    const char* value = std::getenv(name);
    return std::filesystem::path(value ? value : "");
  };
  auto cache = set("XDG_CACHE_HOME");
  if (!cache.is_absolute()) cache = set("HOME") / ".cache";
  if (!cache.is_absolute()) return runs;
  cache /= "troupe";
  return make_writable_folder(cache) ? cache : runs;
}

std::shared_ptr<RatesSource> make_rates(const CpuDevice& device, const std::filesystem::path& runs) {
  // one for each number of cores: clusters of different sizes share the folder
  const auto file = cache_folder(runs) / fmt::format("rates-{}.json", device.cores.size());
  return std::make_shared<RatesSource>(file, gan::device_key(device),
                                       [device] { return gan::calibrate(device); });
}
#endif

std::vector<std::pair<std::string, std::string>> all_versions() {
  std::vector<std::pair<std::string, std::string>> versions = {{"troupe", kVersion}};
#ifdef TROUPE_HAS_TORCH
  versions.emplace_back("libtorch", torch_version());
#endif
  versions.emplace_back("caf",
                        fmt::format("{}.{}.{}", CAF_MAJOR_VERSION, CAF_MINOR_VERSION, CAF_PATCH_VERSION));
  versions.emplace_back("cli11", CLI11_VERSION);
  versions.emplace_back(
      "fmt", fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100));
  versions.emplace_back("spdlog",
                        fmt::format("{}.{}.{}", SPDLOG_VER_MAJOR, SPDLOG_VER_MINOR, SPDLOG_VER_PATCH));
  versions.emplace_back("nlohmann_json",
                        fmt::format("{}.{}.{}", NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR,
                                    NLOHMANN_JSON_VERSION_PATCH));
  versions.emplace_back("compiler", __VERSION__);
  return versions;
}

/// NCCL comes with PyTorch's CUDA packages, where the loader does not look by itself.
cuda::GpuSurvey look_for_gpus() {
  std::vector<std::string> nccl = {"libnccl.so.2"};
#ifdef TROUPE_PACKAGES
  nccl.emplace_back(TROUPE_PACKAGES "/nvidia/nccl/lib/libnccl.so.2");
#endif
  return cuda::survey_gpus(cuda::open_gpu_libraries(nccl));
}

#ifdef TROUPE_HAS_TORCH
/// Of a GPU's memory what slices may have; the rest is for contexts, and what libraries take beside their
/// buffers.
constexpr double kGpuMemoryShare = 0.9;

/// The first of these that loads: installed libraries are found by name, those of a build where it put them.
template <class Open>
auto open_first(const std::vector<std::string>& places, const Open& open) {
  auto opened = open(places.front());
  for (std::size_t i = 1; !opened && i < places.size(); ++i) opened = open(places[i]);
  return opened;
}

/// Nothing where NVML is not there, or does not know the device.
SampleDevice sampler(const Result<std::shared_ptr<cuda::Nvml>>& nvml, const std::string& bus) {
  if (!nvml) return {};
  return [nvml = *nvml, bus] {
    const auto health = nvml->health(bus);
    return health ? cuda::sample_of(*health) : DeviceSample{};
  };
}

Result<GpuDevice> slice_gpu(const std::shared_ptr<cuda::Driver>& driver, int number,
                            const cuda::GpuSurvey::Device& found,
                            const std::shared_ptr<const cuda::Kernels>& kernels,
                            const cuda::TorchLibrary& torch) {
  auto cut = cuda::cut_device(*driver, number);
  if (!cut) return fail(cut.error());
  const auto attach = [torch, number](cuda::GpuSlice& slice) { return torch.attach(slice, number); };
  const Bytes most{
      static_cast<std::int64_t>(kGpuMemoryShare * static_cast<double>(found.facts.memory.count))};
  return gan::gpu_device(found.facts, number, {driver, std::move(*cut), kernels, attach, most});
}

Result<std::vector<GpuDevice>> slice_gpus(const cuda::GpuSurvey& found) {
  auto driver = cuda::open_driver();
  if (!driver) return fail(driver.error());
  auto kernels =
      open_first(TROUPE_CUDA_KERNELS, [](const std::string& at) { return cuda::Kernels::open(at); });
  if (!kernels) return fail(kernels.error());
  const auto torch = open_first(
      TROUPE_CUDA_TORCH, [](const std::string& at) { return cuda::TorchLibrary::open(at, torch_version()); });
  if (!torch) return fail(torch.error());
  const auto shared = std::make_shared<const cuda::Kernels>(std::move(*kernels));
  const auto nvml = cuda::open_nvml();
  std::vector<GpuDevice> devices;
  for (std::size_t i = 0; i < found.devices.size(); ++i) {
    if (!found.devices[i].usable) continue;
    auto device = slice_gpu(*driver, static_cast<int>(i), found.devices[i], shared, *torch);
    if (!device) return fail(device.error());
    device->sample = sampler(nvml, found.devices[i].facts.bus);
    devices.push_back(std::move(*device));
  }
  return devices;
}
#endif

/// Of who runs this; "default" where the system knows no name.
std::string account_name() {
  std::vector<char> text(kMostAccountText);
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::geteuid(), &entry, text.data(), text.size(), &found) != 0 || !found) return "default";
  return *found->pw_name == '\0' ? "default" : found->pw_name;
}

}  // namespace

Services real_services(Interrupts& interrupts) {
  Services services;
  services.start = start_cluster;
  services.start_node = start_node;
  services.connect = connect_to;
  services.discover = [] { return discover_cpu(); };
  services.gpus = look_for_gpus;
  services.dry_run = dry_run;
  services.probes = real_probes();
  services.kinds = built_in_kinds();
#ifdef TROUPE_HAS_TORCH
  services.thread_setup = use_one_torch_thread;
  services.make_fast = gloo_sums();
  services.count_memory = install_torch_allocator;
  services.make_rates = make_rates;
  services.slice_gpus = slice_gpus;
  services.forecast_script = [](const std::string& file, const std::vector<std::int64_t>& shape,
                                const meta::ScriptOptions& options) {
    meta::Measured measured;
    return meta::forecast_script(file, shape, options, measured);
  };
#else
  services.thread_setup = [] {};
  services.count_memory = [] {};
#endif
  services.environment = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
  };
  services.account = account_name();
  services.unix_time = [clock = SystemClock()] { return clock.unix_time(); };
  services.versions = all_versions();
  services.executable = "/proc/self/exe";
  services.interrupts = &interrupts;
  return services;
}

}  // namespace troupe
