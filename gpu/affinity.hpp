#pragma once
// Which cpus a thread runs on. A thread that is started inherits those of the one that starts it.
#include <pthread.h>
#include <sched.h>

#include <span>
#include <vector>

namespace troupe {

/// A set that holds any cpu number of the machine.
class CpuSet {
 public:
  /// Room for numbers below `cpus`; empty.
  explicit CpuSet(int cpus = CPU_SETSIZE);
  void add(int cpu) noexcept;
  cpu_set_t* get() noexcept { return reinterpret_cast<cpu_set_t*>(bits_.data()); }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::size_t bytes_;
  std::vector<unsigned long> bits_;
};

/// False where the kernel refuses: a cpu that is not this process's, a number below 0, none at all.
bool run_on(pthread_t thread, std::span<const int> cpus) noexcept;
/// The same of the calling thread.
inline bool run_on(std::span<const int> cpus) noexcept { return run_on(pthread_self(), cpus); }

}  // namespace troupe
