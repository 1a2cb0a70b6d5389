#include "gpu/affinity.hpp"

#include <algorithm>

namespace troupe {

CpuSet::CpuSet(int cpus)
    : bytes_(CPU_ALLOC_SIZE(static_cast<std::size_t>(cpus))),
      bits_((bytes_ + sizeof(unsigned long) - 1) / sizeof(unsigned long)) {}

void CpuSet::add(int cpu) noexcept { CPU_SET_S(static_cast<std::size_t>(cpu), bytes_, get()); }

bool run_on(pthread_t thread, std::span<const int> cpus) noexcept {
  if (cpus.empty() || *std::min_element(cpus.begin(), cpus.end()) < 0) return false;
  CpuSet set(std::max(*std::max_element(cpus.begin(), cpus.end()) + 1, CPU_SETSIZE));
  for (const int cpu : cpus) set.add(cpu);
  return pthread_setaffinity_np(thread, set.bytes(), set.get()) == 0;
}

}  // namespace troupe
