#pragma once
// The collective of ranks whose sums of float are made of devices' memory: what they call they agree on over
// a collective of the host, how the elements come together is a DeviceSums'.
#include <memory>

#include "gpu/meeting.hpp"

namespace troupe::cuda {

/// How one rank's sums come together with the others'.
class DeviceSums {
 public:
  virtual ~DeviceSums() = default;
  /// All ranks are in the same call, whose runs `meeting` knows. Returns when the sums stand in their `out`,
  /// or with this rank's own error, or the group's.
  virtual Result<void> add_up(Meeting& meeting, std::span<const FloatSum> sums) = 0;
  /// After an error, and at the end: nothing of the device reads the callers' buffers any more, unless it
  /// hangs.
  virtual void stop() noexcept = 0;
  virtual bool as_ready() const noexcept { return false; }
};

/// A rank's end. Sums of float are of device memory, and each rank has its own `out`: a rank counts as a
/// process of its own (ranks_here() is 1). Sums of double and of int64, which steer a step and are small, are
/// of the host's memory and go over `host`, which must be a collective of the same ranks that nobody else
/// calls. Calls come from one thread, which has entered the device. A ParallelFor is called once a sum
/// stands in `out`: for what follows on the host. A member's buffers are read on the device until the call
/// returns; after an error too, unless the device hangs.
std::shared_ptr<Collective> make_device_collective(std::shared_ptr<Collective> host,
                                                   std::unique_ptr<DeviceSums> sums, double timeout_seconds);

}  // namespace troupe::cuda
