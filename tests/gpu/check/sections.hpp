#pragma once
// What a GPU is asked, part by part. Each leaves the device as it found it.
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gpu/cuda/context_table.hpp"
#include "gpu/cuda/kernels.hpp"
#include "gpu/cuda/owned.hpp"
#include "tests/gpu/check/report.hpp"

namespace troupe::cuda::check {

/// Device 0, entered by the calling thread, with a stream and a pool of its own.
struct Bench {
  std::shared_ptr<Driver> driver;
  std::shared_ptr<const Kernels> kernels;  // null: not built
  std::string busy;                        // library of the kernel that only computes; empty: not built
  std::shared_ptr<const CutDevice> cut;
  std::unique_ptr<ContextTable> table;  // the whole device
  Owned<Pool> pool;
};

/// Memory of the device, as long as it lives.
template <class T>
class Array {
 public:
  Array(Bench& bench, std::size_t n) : bench_(bench), n_(n) {
    const auto made = bench.driver->allocate(bench.pool.get(), stream(), bytes());
    if (!made) throw ErrorException(made.error());
    at_ = *made;
  }
  Array(Bench& bench, const std::vector<T>& values) : Array(bench, values.size()) {
    check(bench_.driver->copy(data(), values.data(), bytes(), stream()));
  }
  ~Array() { (void)bench_.driver->free(at_, stream()); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  T* data() const { return reinterpret_cast<T*>(at_.value); }
  std::vector<T> values() const {
    std::vector<T> out(n_);
    check(bench_.driver->copy(out.data(), data(), bytes(), stream()));
    check(bench_.driver->synchronize(stream()));
    return out;
  }

 private:
  static void check(const Result<void>& result) {
    if (!result) throw ErrorException(result.error());
  }
  Stream stream() const { return bench_.table->now().stream; }
  Bytes bytes() const { return {static_cast<std::int64_t>(n_ * sizeof(T))}; }
  Bench& bench_;
  std::size_t n_;
  Address at_;
};

inline double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
/// Throws what went wrong, as ErrorException.
inline void want(const Result<void>& result) {
  if (!result) throw ErrorException(result.error());
}
template <class T>
T want(Result<T> result) {
  if (!result) throw ErrorException(result.error());
  return std::move(*result);
}
/// The device's time for `work` on `stream`, the least of `runs`.
double device_seconds(Bench& bench, Stream stream, int runs, const std::function<void()>& work);

void check_sizes(Bench& bench, Report& report);
void check_switches(Bench& bench, Report& report);
void check_slice(Bench& bench, Report& report);
void check_two_slices(Bench& bench, Report& report);
void check_pool(Bench& bench, Report& report);
void check_kernels(Bench& bench, Report& report);
void check_collective(Bench& bench, const std::vector<std::string>& nccl, Report& report);

/// Two processes on the one device, each a rank. `program`: this very one, started as `--rank R FOLDER
/// KERNELS NCCL…`.
void check_ranks(const std::string& program, const std::string& folder, const std::string& kernels,
                 const std::vector<std::string>& nccl, Report& report);
/// Such a process; its exit code.
int run_rank(int rank, const std::string& folder, const std::string& kernels,
             const std::vector<std::string>& nccl);

/// The conformance suite of all collectives by `program --suite WAY FOLDER KERNELS NCCL…`, whose ranks are
/// processes of their own, `--worker KERNELS NCCL…`.
void check_suite(const std::string& program, const std::string& folder, const std::string& kernels,
                 const std::vector<std::string>& nccl, Report& report);
int run_suite(const std::string& program, const std::string& way, const std::string& folder,
              const std::string& kernels, const std::vector<std::string>& nccl);
int run_worker(const std::string& kernels, const std::vector<std::string>& nccl);

/// What this program does where it was started as one of these; its exit code.
std::optional<int> play_role(const std::vector<std::string>& arguments);

}  // namespace troupe::cuda::check
