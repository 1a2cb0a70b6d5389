#pragma once
// A process that is one rank of a test's collective: it is told by the test what to call (remote_end.hpp).
#include <functional>
#include <memory>
#include <string>

#include "gpu/collective.hpp"
#include "gpu/cuda/device_memory.hpp"

namespace troupe::test {

/// The sockets' numbers in such a process.
constexpr int kCallSocket = 3, kAsideSocket = 4;

struct GroupOrder {
  std::string file;  // of this group alone, in a folder that all ranks see
  int rank = 0, ranks = 1;
  double timeout_seconds = 0;
  std::string way;  // how it is to be made: what the processes of a test agree on
};
using MakeEnd = std::function<std::shared_ptr<Collective>(const GroupOrder&)>;

/// Serves until the test closes its end. Buffers of sums of float are `memory`'s, all others the host's.
void serve_rank(cuda::DeviceMemory& memory, const MakeEnd& make);

}  // namespace troupe::test
