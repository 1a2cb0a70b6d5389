#pragma once
// Several devices of host memory, whose NCCL moves bytes between them.
#include "gpu/cuda/nccl_collective.hpp"
#include "tests/gpu/fake_device.hpp"

namespace troupe::cuda {

struct FakeDevices {
  std::shared_ptr<MovingWorld> world = std::make_shared<MovingWorld>();
  std::vector<std::shared_ptr<HostMemory>> memories, sides;

  /// `beside`: with a stream of their own for sums.
  std::vector<NcclEnd> ends(int ranks, bool beside = false) {
    const auto threads = std::make_shared<FakeThreads>();
    std::vector<NcclEnd> all;
    for (int r = 0; r < ranks; ++r) {
      memories.push_back(std::make_shared<HostMemory>());
      if (beside) sides.push_back(std::make_shared<HostMemory>());
      all.push_back({std::make_shared<MovingNccl>(world), memories.back(),
                     [threads](std::function<void()> f) { threads->run(std::move(f)); },
                     beside ? sides.back() : nullptr});
    }
    return all;
  }
};

}  // namespace troupe::cuda
