#pragma once
// What the control groups of this process allow, versions 1 and 2. Internal to gpu/.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace troupe {

struct CgroupLimits {
  std::optional<double> cpus;          // the least quota from the process's group up to the root
  std::optional<std::int64_t> memory;  // bytes, likewise
};

/// Files that are missing, unreadable or no numbers set no limit.
CgroupLimits read_cgroup_limits(const std::filesystem::path& root);

/// The first 1 MiB of a small system file; empty where it can't be read.
std::string read_system_file(const std::filesystem::path& path);
/// A whole, non-negative decimal number with blanks around it.
std::optional<std::int64_t> parse_whole(std::string_view text);

}  // namespace troupe
