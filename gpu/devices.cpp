#include "gpu/devices.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <string_view>
#include <tuple>

#include "gpu/cgroup.hpp"

namespace troupe {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kMostCpus = 1 << 16;  // the kernel's own limit is 8192; more is garbage

/// The text behind "KEY" and a colon on the first line that starts with it.
std::string field(const std::string& text, std::string_view key) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos || line.compare(0, key.size(), key) != 0) continue;
    if (line.find_first_not_of(" \t", key.size()) != colon) continue;
    const auto start = line.find_first_not_of(" \t", colon + 1);
    return start == std::string::npos ? std::string{} : line.substr(start);
  }
  return {};
}

/// "0-3,8,10-11"; empty where any part of it is no such list.
std::set<int> parse_cpu_list(const std::string& text) {
  std::set<int> cpus;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const auto dash = part.find('-');
    const auto first = parse_whole(part.substr(0, dash));
    const auto last = dash == std::string::npos ? first : parse_whole(part.substr(dash + 1));
    if (!first || !last || *last < *first || *last >= kMostCpus) return {};
    for (auto cpu = *first; cpu <= *last; ++cpu) cpus.insert(static_cast<int>(cpu));
  }
  return cpus;
}

/// The mask may name cpus that were never there; those online may be more than the mask.
std::set<int> usable_cpus(const fs::path& root) {
  auto allowed = parse_cpu_list(field(read_system_file(root / "proc/self/status"), "Cpus_allowed_list"));
  auto online = parse_cpu_list(read_system_file(root / "sys/devices/system/cpu/online"));
  if (allowed.empty()) return online;
  if (!online.empty()) std::erase_if(allowed, [&](int cpu) { return !online.contains(cpu); });
  return allowed;
}

std::vector<Core> order_cores(const fs::path& root, const std::set<int>& cpus) {
  std::vector<std::pair<int, Core>> found;  // how many threads of the same physical core came before
  std::map<std::pair<int, int>, int> threads;
  for (const int cpu : cpus) {
    const auto folder = root / fmt::format("sys/devices/system/cpu/cpu{}/topology", cpu);
    const auto number = [&](const char* file, int fallback) {
      const auto value = parse_whole(read_system_file(folder / file));
      return value && *value < kMostCpus ? static_cast<int>(*value) : fallback;
    };
    Core core{
        .id = 0, .cpu = cpu, .package = number("physical_package_id", 0), .physical = number("core_id", cpu)};
    found.emplace_back(threads[{core.package, core.physical}]++, core);
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first, a.second.package, a.second.physical, a.second.cpu) <
           std::tie(b.first, b.second.package, b.second.physical, b.second.cpu);
  });
  std::vector<Core> cores;
  for (auto& [thread, core] : found) {
    core.id = static_cast<int>(cores.size());
    cores.push_back(core);
  }
  return cores;
}

std::string instruction_set(const std::string& cpuinfo) {
  std::istringstream words(field(cpuinfo, "flags") + " " + field(cpuinfo, "Features"));
  std::set<std::string> flags;
  for (std::string word; words >> word;) flags.insert(word);
  const auto all = [&](std::initializer_list<const char*> names) {
    return std::all_of(names.begin(), names.end(), [&](const char* name) { return flags.contains(name); });
  };
  if (all({"avx512f", "avx512bw", "avx512dq", "avx512vl"})) return "avx512";
  if (all({"avx2", "fma"})) return "avx2";
  if (all({"sse4_2"})) return "sse4";
  return all({"asimd"}) ? "neon" : "unknown";
}

/// The largest cache of a cpu that others have too.
Bytes shared_cache(const fs::path& root, int cpu) {
  constexpr int kMostCaches = 16;
  Bytes largest;
  for (int i = 0; i < kMostCaches; ++i) {
    const auto folder = root / fmt::format("sys/devices/system/cpu/cpu{}/cache/index{}", cpu, i);
    auto size = read_system_file(folder / "size");  // "32768K"
    while (!size.empty() && (size.back() == '\n' || size.back() == 'K')) size.pop_back();
    const auto kib_count = parse_whole(size);
    auto sharers = read_system_file(folder / "shared_cpu_list");
    while (!sharers.empty() && sharers.back() == '\n') sharers.pop_back();
    if (kib_count && *kib_count < (std::int64_t{1} << 32) && parse_cpu_list(sharers).size() > 1)
      largest = std::max(largest, kib(*kib_count));
  }
  return largest;
}

std::optional<std::int64_t> physical_memory(const fs::path& root) {
  auto text = field(read_system_file(root / "proc/meminfo"), "MemTotal");  // "24105392 kB"
  if (!text.ends_with(" kB")) return std::nullopt;
  const auto kib_count = parse_whole(text.substr(0, text.size() - 3));
  if (!kib_count || *kib_count == 0 || *kib_count > (INT64_MAX >> 10)) return std::nullopt;
  return *kib_count << 10;
}

}  // namespace

Result<CpuDevice> discover_cpu(const fs::path& root) {
  const auto cpus = usable_cpus(root);
  if (cpus.empty())
    return fail({ErrorCode::io, "can't tell which cpus this process may use",
                 (root / "proc/self/status").string(), "no usable Cpus_allowed_list", "a list such as 0-3",
                 "Is /proc mounted?"});
  const auto memory = physical_memory(root);
  if (!memory)
    return fail({ErrorCode::io, "can't tell how much memory there is", (root / "proc/meminfo").string(),
                 "no usable MemTotal", "", "Is /proc mounted?"});
  const auto cpuinfo = read_system_file(root / "proc/cpuinfo");
  const auto limits = read_cgroup_limits(root);
  CpuDevice device;
  device.model = field(cpuinfo, "model name");
  if (device.model.empty()) device.model = "unknown";
  device.instruction_set = instruction_set(cpuinfo);
  device.cores = order_cores(root, cpus);
  device.memory = {std::min(*memory, limits.memory.value_or(*memory))};
  device.cgroup_cpus = limits.cpus.value_or(0);
  device.shared_cache = shared_cache(root, device.cores.front().cpu);
  const auto most = static_cast<double>(device.cores.size());
  if (limits.cpus) device.cores.resize(static_cast<std::size_t>(std::clamp(*limits.cpus, 1.0, most)));
  return device;
}

std::vector<int> cpus_of(const CpuDevice& device, const std::vector<int>& ids) {
  std::vector<int> cpus;
  for (const int id : ids)
    for (const Core& core : device.cores)
      if (core.id == id) cpus.push_back(core.cpu);
  return cpus;
}

Result<CpuDevice> restrict_cpu(const CpuDevice& device, int cores, Bytes memory, bool oversubscribe) {
  const auto have = device.cores.size();
  if (cores < 1)
    return fail({ErrorCode::bad_config, "a node needs at least one core", "", fmt::format("{} cores", cores),
                 fmt::format("1 to {}", have), ""});
  if (memory.count < 1)
    return fail({ErrorCode::bad_config, "a node needs memory", "", fmt::format("{} bytes", memory.count),
                 fmt::format("up to {}", to_string(device.memory)), ""});
  if (have == 0 || (static_cast<std::size_t>(cores) > have && !oversubscribe))
    return fail({ErrorCode::no_capacity, "more cores than this process may use", "",
                 fmt::format("{} cores", cores), fmt::format("1 to {}", have),
                 "Ask for fewer, or set `oversubscribe = true` to let several share a cpu (for tests)"});
  if (memory > device.memory)
    return fail({ErrorCode::no_capacity, "more memory than this process may use", "", to_string(memory),
                 fmt::format("up to {}", to_string(device.memory)), "Ask for less"});
  CpuDevice part = device;
  part.memory = memory;
  part.cores.clear();
  const auto count = static_cast<std::size_t>(cores);
  for (std::size_t i = 0; i < count; ++i) {
    Core core = device.cores[i % have];
    core.id = static_cast<int>(i);
    core.shared = core.shared || i >= have || i + have < count;
    part.cores.push_back(core);
  }
  return part;
}

}  // namespace troupe
