#pragma once
// What a process that is a rank has of the one device. rank_bench.cpp makes it of the driver's and NCCL's own
// libraries; standin/ of the host's memory, so that what the ranks do there can be tried without a GPU.
#include <functional>
#include <string>
#include <vector>

#include "gpu/cuda/nccl_collective.hpp"
#include "tests/gpu/check/sections.hpp"

namespace troupe::cuda::check {

struct RankBench {
  Bench bench;  // device 0, entered by the calling thread
  std::shared_ptr<Nccl> nccl;
  Bytes bucket = NcclCollectiveOptions().bucket;  // that its sums go in, at most
  /// The device by the bench's stream, or by another one.
  std::function<std::shared_ptr<DeviceMemory>(bool other_stream)> memory;

  /// `beside`: sums go on a stream of their own, bucket by bucket.
  std::shared_ptr<Collective> end(std::shared_ptr<Collective> host, const NcclCollectiveOptions& options,
                                  bool beside) const;
};

/// `memory`: that the bench's pool may hold. Throws what is not there.
RankBench open_rank_bench(const std::string& kernels, const std::vector<std::string>& nccl, Bytes memory);
/// Whether the ranks will find NCCL; version, or why not.
Result<int> look_for_nccl(const std::vector<std::string>& names);
/// What limits of time are multiplied by: a machine that is no GPU's may be busy with anything.
double patience();
/// Of the sums that are timed, in MiB, ascending.
std::vector<int> timed_sums();
/// What a rank is started with beside this process's environment: it claims to be another host than its
/// fellows, since NCCL refuses a device twice else.
std::vector<std::string> rank_environment(int number);

}  // namespace troupe::cuda::check
