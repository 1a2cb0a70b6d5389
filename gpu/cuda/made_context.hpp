#pragma once
// One green context with its stream, made and not yet used; also on another thread than the slice's, while
// the slice works on.
#include <memory>
#include <mutex>
#include <vector>

#include "gpu/cuda/driver.hpp"
#include "gpu/cuda/owned.hpp"
#include "gpu/cuda/partition.hpp"

namespace troupe::cuda {

/// A device that has been cut: what all slices of it share. Parts of one split alone can be joined.
struct CutDevice {
  int device = 0;
  Grid grid;
  SmResource whole;
  std::vector<SmResource> pieces;
  /// Why it is one piece, the whole of it, with no green context; empty: it has them.
  std::string uncut{};
};
/// A driver that knows no green contexts leaves the device whole. Errors: the driver's others; no_capacity
/// where the device is too small. A driver that makes fewer pieces than the figures promise leaves a smaller
/// grid.
Result<std::shared_ptr<const CutDevice>> cut_device(Driver& driver, int device);

struct InForce {
  PieceSet run;
  unsigned asked = 0;  // SMs
  unsigned sms = 0;    // read back from the driver
  Stream stream;
};

struct MadeContext {
  InForce facts;
  Owned<Context> context;  // none: the whole device without one
  Owned<Stream> stream;    // goes before its context
};
/// On a thread that has entered the device. Errors: the driver's; no_capacity: pieces that the device has
/// not.
Result<MadeContext> make_context(const std::shared_ptr<Driver>& driver, const CutDevice& cut,
                                 const PieceSet& run);

/// What is made beside a slice's work for its next edge. Any thread.
class ContextsAhead {
 public:
  ContextsAhead(std::shared_ptr<Driver> driver, std::shared_ptr<const CutDevice> cut)
      : driver_(std::move(driver)), cut_(std::move(cut)) {}
  /// Enters the device and makes the context, unless the slice has it or it was made already.
  Result<void> make(const PieceSet& run);
  /// What was made since, for the slice.
  std::vector<MadeContext> take();
  /// The slice has these.
  void has(std::vector<PieceSet> runs);

 private:
  const std::shared_ptr<Driver> driver_;
  const std::shared_ptr<const CutDevice> cut_;
  std::mutex making_;  // one at a time
  std::mutex mutex_;   // over what follows
  std::vector<PieceSet> had_;
  std::vector<MadeContext> made_;  // the newest alone: plans that were overtaken are of no use
};

}  // namespace troupe::cuda
