#pragma once
// Messages of slices of GPUs.
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <memory>
#include <vector>

#include "actors/protocol_shared.hpp"
#include "gpu/device_slice.hpp"
#include "train/program.hpp"

namespace troupe {

struct TakeShare {  // of a GPU, at an edge: these pieces and so much memory from now on; no pieces: parked
  std::string gpu;  // its name; another one than before: the networks move there
  MakeDeviceSlice make;  // none: they leave the GPU, for the host's copies
  std::vector<int> pieces;
  Bytes budget;
  std::shared_ptr<Program> program;
};
struct ShareTaken {      // but `prepare` it is the same from another node
  unsigned sms = 0;      // in force, as the driver tells
  PrepareShare prepare;  // for the next one; nothing: nothing is to be made ahead
  Outcome outcome;
  Bytes held;  // of the GPU's memory
};
struct PrepareContexts {  // beside the slice's work: what its next edge will want
  PrepareShare prepare;
  std::vector<int> pieces;
};
struct Perform {  // what is to be done to a device's networks, between two leases
  std::function<void()> work;
};

/// Detached: waits for the driver.
using preparer_actor = caf::typed_actor<caf::replies_to<PrepareContexts>::with<Outcome>>;

}  // namespace troupe

TROUPE_LOCAL(TakeShare)
TROUPE_LOCAL(ShareTaken)
TROUPE_LOCAL(PrepareContexts)
TROUPE_LOCAL(Perform)
