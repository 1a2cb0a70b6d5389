#pragma once
// What there is to compute on. Reads /proc, /sys and cgroup files below a root that tests replace.
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/units.hpp"

namespace troupe {

struct Core {
  int id = 0;           // logical number inside troupe: 0 … n-1
  int cpu = 0;          // the kernel's number, to pin to (several cores may share one when oversubscribed)
  int package = 0;      // socket
  int physical = 0;     // core id within the package: hyper-threads share it
  bool shared = false;  // another core of the device has the same cpu: who waits on it must not spin
};

struct CpuDevice {
  std::string model;            // "AMD EPYC …"
  std::string instruction_set;  // "avx512", "avx2", "sse4", "neon", "unknown"
  std::vector<Core> cores;
  Bytes memory;            // what the process may use: the least of physical memory and cgroup limits
  double cgroup_cpus = 0;  // quota in cpus; 0: no limit
  Bytes shared_cache;      // the largest cache of the first core, which others share; 0: none, or not told
};

/// The kernel's numbers of cores by their ids; of ids that the device does not have, none.
std::vector<int> cpus_of(const CpuDevice& device, const std::vector<int>& ids);

/// cores: affinity mask, cut by the cgroup quota (v2 and v1), rounded down but to one at least: a thread more
/// than the quota is stopped for tens of milliseconds, and its whole slice with it. In the order in which
/// they should be used: one thread of every physical core first, package by package, then the second threads.
/// Fails with `io` where cpus or memory can't be told.
Result<CpuDevice> discover_cpu(const std::filesystem::path& root = "/");

/// The first `cores` cores and `memory` bytes of a device; more cores than there are only with oversubscribe
/// (they share cpus in turn). no_capacity: more than there is; bad_config: less than one core or byte.
Result<CpuDevice> restrict_cpu(const CpuDevice& device, int cores, Bytes memory, bool oversubscribe);

}  // namespace troupe
