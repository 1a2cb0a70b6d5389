#pragma once
// The sums of one call where a library adds up the processes' parts in an order of its own.
#include <cstdint>
#include <memory>
#include <vector>

#include "transport/node_group_meet.hpp"

namespace troupe::group {

/// Run by the rank that leads its process. The processes first tell each other, by the group's own links,
/// what they sum: so it is known of everyone that it has come and makes the same call before the library
/// starts, and what the library waits for is the network alone. What it works on is a buffer of the group's
/// own, which it keeps to itself where the group fails meanwhile: who waits here hears of that at once.
class FastSums {
 public:
  FastSums(Hub& hub, ProcessSum& sum, Kind kind, std::uint64_t call, bool all, std::vector<Job<float>> jobs,
           const ParallelFor& parallel, const Collective::Then& then);
  Result<void> run();
  /// Read and written.
  std::int64_t bytes() const noexcept { return bytes_; }

 private:
  void tell();
  void sum_here();
  Result<void> hear();
  Result<void> sum_over_processes();
  Result<void> wait();
  void hand_out();
  /// f(job, begin, end) for all elements of all sums, on the workers.
  template <class F>
  void spread_sums(const F& f) const;

  Hub& hub_;
  ProcessSum& sum_;
  const Kind kind_;
  const std::uint64_t call_;
  const std::vector<Job<float>> jobs_;
  const ParallelFor& parallel_;
  const Collective::Then& then_;
  const std::vector<SumShape> shapes_;
  std::vector<std::size_t> starts_;  // of the sums in the buffer, and its end
  std::shared_ptr<float> data_;
  std::int64_t bytes_ = 0;
};

}  // namespace troupe::group
