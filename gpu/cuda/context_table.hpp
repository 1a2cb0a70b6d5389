#pragma once
// The green contexts of one slice: a partition is fixed once made, so a resize is another context with
// another stream. Those that are likely to be wanted are made ahead; then a resize is a switch at a step's
// edge.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
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
};
/// Errors: the driver's; no_capacity where the device is too small. A driver that makes fewer pieces than the
/// figures promise leaves a smaller grid.
Result<std::shared_ptr<const CutDevice>> cut_device(Driver& driver, int device);

struct InForce {
  PieceSet run;
  unsigned asked = 0;  // SMs
  unsigned sms = 0;    // read back from the driver
  Stream stream;
};

/// For one thread, the slice's. Needs the device entered (Driver::enter) by it.
class ContextTable {
 public:
  /// At most `bound` contexts live at a time, 2 or more: the one in force and the one to switch to.
  static Result<std::unique_ptr<ContextTable>> open(std::shared_ptr<Driver> driver,
                                                    std::shared_ptr<const CutDevice> cut,
                                                    const PieceSet& first, std::size_t bound);

  const InForce& now() const noexcept;
  /// The run that the next edge switches to, if it is another.
  std::optional<PieceSet> pending() const noexcept;

  /// Makes contexts for as many of `likely` as there is room for beside the one in force and the pending one;
  /// those that were used longest ago make room. Returns how many of `likely` are ready. A failure leaves
  /// what was made.
  Result<std::size_t> prepare(std::span<const Pieces> likely);
  /// The next edge is to switch to `run`. Makes its context where it is not prepared. A failure changes
  /// nothing in force and leaves what was pending before (forgotten, where it had to make room: a bound of
  /// 2).
  Result<void> ask(const PieceSet& run);

  struct Switch {
    InForce before, after;
    bool prepared = false;  // it was there before it was asked for
  };
  /// Between two steps. Work given to the new stream runs after all that was given to the old one. Nothing
  /// where nothing is pending. A failure leaves the old context in force and the new one pending.
  Result<std::optional<Switch>> at_step_edge();

  std::size_t live() const noexcept { return entries_.size(); }
  std::int64_t made() const noexcept { return made_; }
  std::int64_t switches() const noexcept { return switches_; }

 private:
  struct Entry {
    InForce facts;
    std::int64_t used = 0;
    Owned<Context> context;
    Owned<Stream> stream;  // goes before its context
  };
  ContextTable(std::shared_ptr<Driver> driver, std::shared_ptr<const CutDevice> cut, std::size_t bound);
  Entry* find(const PieceSet& run) const noexcept;
  Result<Entry*> make(const PieceSet& run, std::span<const Pieces> keep);
  Result<void> make_room(std::span<const Pieces> keep);
  Result<void> check(const PieceSet& run) const;

  std::shared_ptr<Driver> driver_;
  std::shared_ptr<const CutDevice> cut_;
  std::size_t bound_;
  Owned<Event> edge_;
  std::vector<std::unique_ptr<Entry>> entries_;
  Entry* now_ = nullptr;
  Entry* next_ = nullptr;
  bool next_was_prepared_ = false;
  std::int64_t tick_ = 0, made_ = 0, switches_ = 0;
};

}  // namespace troupe::cuda
