#pragma once
// The green contexts of one slice: a partition is fixed once made, so a resize is another context with
// another stream. Those that are likely to be wanted are made ahead; then a resize is a switch at a step's
// edge.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "gpu/cuda/made_context.hpp"

namespace troupe::cuda {

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
  /// One that was made beside the slice's work counts as prepared; dropped where there is one of the same
  /// pieces, or no room.
  Result<void> adopt(MadeContext made);
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
  /// Of all that live.
  std::vector<PieceSet> runs() const;
  std::int64_t made() const noexcept { return made_; }
  std::int64_t switches() const noexcept { return switches_; }

 private:
  struct Entry {
    MadeContext made;
    std::int64_t used = 0;
    const InForce& facts() const noexcept { return made.facts; }
  };
  ContextTable(std::shared_ptr<Driver> driver, std::shared_ptr<const CutDevice> cut, std::size_t bound);
  Entry* find(const PieceSet& run) const noexcept;
  Result<Entry*> make(const PieceSet& run, std::span<const Pieces> keep);
  Result<void> make_room(std::span<const Pieces> keep);
  Entry* keep(MadeContext made);

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
