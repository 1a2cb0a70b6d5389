#pragma once
// A share of a CPU device: threads pinned to its cores and a memory account. Fork-join, in microseconds.
#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "gpu/account.hpp"
#include "gpu/devices.hpp"

namespace troupe {

/// Seconds that a slice computed, for other threads to read.
using BusyMeter = std::atomic<double>;

/// Owned and called by one thread (the slice actor's), which is worker 0 and runs pinned to the first core
/// while inside run(). Every worker charges its allocations to the account and has called `thread_setup` once
/// (use_one_torch_thread, where LibTorch is linked).
class CpuSlice {
 public:
  /// `meter` may be null.
  CpuSlice(std::vector<Core> cores, std::shared_ptr<Account> account, std::function<void()> thread_setup,
           std::shared_ptr<BusyMeter> meter = nullptr);
  ~CpuSlice();
  CpuSlice(const CpuSlice&) = delete;
  CpuSlice& operator=(const CpuSlice&) = delete;

  int workers() const noexcept;
  const std::vector<Core>& cores() const noexcept;
  const std::shared_ptr<Account>& account() const noexcept;

  /// f(worker) once on each worker, 0 … workers()-1; returns when all are done. Where several throw, the
  /// lowest worker's exception is rethrown (what thread_setup threw on a new worker is thrown here too, by
  /// the first run). Workers that wait spin shortly, unless a core is shared, then sleep. Not from inside f.
  void run(const std::function<void(int worker)>& f);

  /// Between two runs: other cores, at least one. Threads of cores that leave are kept parked, and taken
  /// (pinned anew) before others are started: a slice never has more threads than its widest moment needed.
  void resize(std::vector<Core> cores);

  /// Workers whose pinning is in force; fewer than workers() where the kernel refused a cpu.
  int pinned() const noexcept;

  /// Seconds that workers spent inside f, summed over workers since the start.
  double busy_seconds() const noexcept;
  /// Between two runs: the meter shows busy_seconds().
  void show_busy() noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace troupe
