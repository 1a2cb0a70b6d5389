#include "gpu/cgroup.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>
#include <vector>

namespace troupe {
namespace fs = std::filesystem;

std::string read_system_file(const fs::path& path) {
  constexpr std::size_t kMost = 1 << 20;  // /proc/cpuinfo of hundreds of cpus; more is no system file
  std::error_code error;
  if (fs::is_directory(path, error)) return {};
  std::ifstream file(path, std::ios::binary);
  std::string text;
  char chunk[4096];
  while (text.size() < kMost && (file.read(chunk, sizeof chunk), file.gcount() > 0))
    text.append(chunk, static_cast<std::size_t>(file.gcount()));
  return text;
}

std::optional<std::int64_t> parse_whole(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\n");
  if (first == std::string_view::npos) return std::nullopt;
  text = text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

namespace {

struct Membership {
  std::vector<std::string> controllers;  // version 1: "cpu", "cpuacct"; empty: version 2
  fs::path group;                        // relative, never upwards
};

std::vector<Membership> memberships(const fs::path& root) {
  std::vector<Membership> all;
  std::istringstream lines(read_system_file(root / "proc/self/cgroup"));
  for (std::string line; std::getline(lines, line);) {
    const auto one = line.find(':'), two = line.find(':', one + 1);
    if (one == std::string::npos || two == std::string::npos) continue;
    Membership m;
    std::istringstream names(line.substr(one + 1, two - one - 1));
    for (std::string name; std::getline(names, name, ',');) m.controllers.push_back(name);
    for (const auto& part : fs::path(line.substr(two + 1)).relative_path())
      if (part != ".." && part != "." && !part.empty()) m.group /= part;
    all.push_back(std::move(m));
  }
  return all;
}

/// f(folder) for the group's folder under `mount` and all above it. In a container the path may be the
/// host's: then only the mount itself is there, and it is the container's group.
template <class F>
void upwards(const fs::path& mount, fs::path group, const F& f) {
  for (;; group = group.parent_path()) {
    f(group.empty() ? mount : mount / group);
    if (group.empty()) return;
  }
}

template <class T>
void lower(std::optional<T>& limit, std::optional<T> other) {
  if (other && (!limit || *other < *limit)) limit = other;
}

std::optional<double> quota(std::optional<std::int64_t> micros, std::optional<std::int64_t> period) {
  if (!micros || !period || *micros <= 0 || *period <= 0) return std::nullopt;
  return static_cast<double>(*micros) / static_cast<double>(*period);
}

void read_version_2(const fs::path& folder, CgroupLimits& limits) {
  const auto text = read_system_file(folder / "cpu.max");  // "150000 100000" or "max 100000"
  if (const auto blank = text.find(' '); blank != std::string::npos)
    lower(limits.cpus, quota(parse_whole(text.substr(0, blank)), parse_whole(text.substr(blank + 1))));
  lower(limits.memory, parse_whole(read_system_file(folder / "memory.max")));
}

bool has(const Membership& m, const char* controller) {
  return std::find(m.controllers.begin(), m.controllers.end(), controller) != m.controllers.end();
}

}  // namespace

CgroupLimits read_cgroup_limits(const fs::path& root) {
  CgroupLimits limits;
  const auto mounts = root / "sys/fs/cgroup";
  for (const auto& m : memberships(root)) {
    if (m.controllers.empty())
      for (const auto& mount : {mounts, mounts / "unified"})
        upwards(mount, m.group, [&](const fs::path& folder) { read_version_2(folder, limits); });
    if (has(m, "cpu"))
      for (const char* name : {"cpu", "cpu,cpuacct"})
        upwards(mounts / name, m.group, [&](const fs::path& folder) {
          lower(limits.cpus, quota(parse_whole(read_system_file(folder / "cpu.cfs_quota_us")),
                                   parse_whole(read_system_file(folder / "cpu.cfs_period_us"))));
        });
    if (has(m, "memory"))
      upwards(mounts / "memory", m.group, [&](const fs::path& folder) {
        lower(limits.memory, parse_whole(read_system_file(folder / "memory.limit_in_bytes")));
      });
  }
  return limits;
}

}  // namespace troupe
