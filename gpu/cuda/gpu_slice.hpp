#pragma once
// A share of a GPU: SMs by a green context, whose stream its work is given to, and memory from a pool behind
// a wall. What CpuSlice is on a CPU. Knows no LibTorch.
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gpu/cuda/context_table.hpp"
#include "gpu/cuda/pool_budget.hpp"

namespace troupe::cuda {

struct GpuSliceOptions {
  std::string owner;         // named by errors of memory: "job gan"
  PieceSet run;              // at first
  Bytes budget;              // at first
  Bytes most;                // that it will ever have: the driver's own limit of the pool, which is fixed
  Bytes granule{512};        // what sizes of blocks are rounded up to
  std::size_t contexts = 4;  // that live at a time, 2 or more
  std::shared_ptr<Account> account{};  // the wall; null: one of its own, of `owner`
};

struct GpuSliceFacts {
  unsigned sms_asked = 0, sms = 0;  // sms: read back from the driver
  Bytes held, peak, budget;
  Bytes reserved;           // taken from the device; more than `held` where the pool keeps what was freed
  double busy_seconds = 0;  // of the device, in steps that are over
  std::int64_t switches = 0, contexts_made = 0;
};

/// Owned and called by one thread (the slice actor's), which has entered the device; allocate() and free() by
/// any.
class GpuSlice {
 public:
  /// Errors: the driver's; bad_config: `contexts` below 2, a run that the device does not have.
  static Result<std::unique_ptr<GpuSlice>> open(std::shared_ptr<Driver> driver,
                                                const std::shared_ptr<const CutDevice>& cut,
                                                const GpuSliceOptions& options);
  /// Gives back what is still allocated.
  ~GpuSlice();
  GpuSlice(const GpuSlice&) = delete;
  GpuSlice& operator=(const GpuSlice&) = delete;

  /// Where its work goes until the next edge.
  Stream stream() const noexcept { return table_->now().stream; }
  /// In force until then: read back from the driver.
  unsigned sms() const noexcept { return table_->now().sms; }
  const std::shared_ptr<Account>& account() const noexcept { return budget_.account(); }

  /// In the stream's order. over_budget names owner, phase, asked, held and budget; no_capacity: the device
  /// itself is full, or the pool too scattered.
  Result<Address> allocate(Bytes bytes);
  /// internal: not one of its blocks.
  Result<void> free(Address at);
  /// The same behind the same wall, but in no stream's order: there when the call comes back, gone after all
  /// work given so far. For whoever hands pieces out by itself, also while the stream's work is captured.
  /// allocate_aside waits for the device's driver, free_aside for the slice's work, which must not be
  /// captured then.
  Result<Address> allocate_aside(Bytes bytes);
  Result<void> free_aside(Address at);

  /// Around the work of a step: what the device takes for it counts as busy. A step that failed is begun
  /// anew.
  Result<void> step_begins();
  Result<void> step_ends();

  /// Makes contexts for sizes that are about to be asked for, by another thread, beside the slice's work:
  /// what it made is there when it is asked for.
  const std::shared_ptr<ContextsAhead>& ahead() const noexcept { return ahead_; }
  /// From the next edge on. A failure leaves what is in force, and what was asked before.
  Result<void> ask(const PieceSet& run, Bytes budget);
  /// Between two steps: what was asked is in force. A budget below what is held lets nothing be allocated
  /// until enough is freed; what the pool keeps beyond it goes back to the device.
  Result<std::optional<ContextTable::Switch>> at_step_edge();

  Result<GpuSliceFacts> facts();
  /// Of those what costs least to tell: it asks the driver for nothing but which steps are over.
  Result<double> busy_seconds();

 private:
  struct Step {
    Owned<Event> from, to;
  };
  GpuSlice(std::shared_ptr<Driver> driver, const std::shared_ptr<const CutDevice>& cut,
           std::unique_ptr<ContextTable> table, Owned<Pool> pool, const GpuSliceOptions& options);
  Result<Owned<Event>> event();
  /// Counts the steps whose end the device has come to.
  Result<void> harvest();
  Result<Address> allocate_on(Stream stream, Bytes bytes);
  Result<void> free_on(Stream stream, Address at);

  const std::shared_ptr<Driver> driver_;
  PoolBudget budget_;
  const Bytes most_;
  Bytes asked_budget_;
  std::mutex mutex_;  // over blocks_ and the stream that they are made and freed on
  std::map<Address, Bytes> blocks_;
  Owned<Pool> pool_;
  std::unique_ptr<ContextTable> table_;
  const std::shared_ptr<ContextsAhead> ahead_;
  std::optional<Owned<Event>> begun_;
  std::deque<Step> steps_;           // whose end is not known yet, oldest first
  std::vector<Owned<Event>> spare_;  // events are made once
  double busy_ = 0;
};

}  // namespace troupe::cuda
