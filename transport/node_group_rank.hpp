#pragma once
// One rank's end of a group.
#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "gpu/call_guards.hpp"
#include "transport/node_group_fast.hpp"
#include "transport/node_group_sum.hpp"

namespace troupe::group {

/// What a rank brings to one sum of a call.
struct LocalSum {
  SumShape shape;
  std::vector<const void*> buffers;  // a copy: the caller's array may go when its call returns
  void* out = nullptr;
  std::function<void(std::size_t, std::size_t)> ready = {};  // FloatSum::ready
};

/// What a rank brings to one call. Two a rank, used in turn: a rank that is ahead by one call leaves the slot
/// that the slow ones still read alone, and two calls ahead it can't be.
struct alignas(64) Slot {
  Kind kind = Kind::none;
  std::vector<LocalSum> sums;
  std::int64_t value = 0;
};

/// What the ranks of a process share.
struct Process {
  Process(const NodeGroupOptions& options, std::vector<std::optional<Channel>> channels,
          const std::string& address, const MakeProcessSum& make_fast)
      : hub(options, std::move(channels)) {
    for (auto& half : slots) half.resize(static_cast<std::size_t>(hub.ranks_here()));
    if (options.fast)
      fast = make_fast(
          {hub.self(), hub.processes(), address, options.timeout_seconds, hub.desk(), options.cpus});
  }
  Hub hub;
  std::array<std::vector<Slot>, 2> slots;
  Readers readers;
  std::unique_ptr<ProcessSum> fast;  // of the sums of float; none: they are exact
};

class NodeRank final : public Collective {
 public:
  NodeRank(int index, std::shared_ptr<Process> process)
      : index_(index), process_(std::move(process)), hub_(process_->hub) {}
  ~NodeRank() override;

  int rank() const noexcept override { return hub_.first_rank_here() + index_; }
  int ranks() const noexcept override { return hub_.ranks(); }
  int ranks_here() const noexcept override { return hub_.ranks_here(); }
  bool leads() const noexcept override { return index_ == 0; }
  std::pair<std::size_t, std::size_t> part(std::size_t n) const override { return {leads() ? 0 : n, n}; }

  Result<void> sum(const Contribution<float>& mine, float* out, std::size_t n, float scale, bool all,
                   const ParallelFor& parallel) override;
  Result<void> sum(const Contribution<double>& mine, double* out, std::size_t n, double scale, bool all,
                   const ParallelFor& parallel) override;
  Result<void> sum(const Contribution<std::int64_t>& mine, std::int64_t* out, std::size_t n,
                   std::int64_t scale, bool all, const ParallelFor& parallel) override;
  Result<void> sum_each(std::span<const FloatSum> sums, const ParallelFor& parallel,
                        const Then& then) override;
  /// One that shares its process would have to wait for the others' parts.
  bool sums_as_ready() const noexcept override {
    return hub_.options().overlap && hub_.ranks_here() == 1 && hub_.processes() > 1;
  }
  Result<void> barrier() override;
  Result<void> barrier_here() override;
  Result<std::int64_t> broadcast(std::int64_t value) override;
  void abort(const std::string& reason) noexcept override;
  std::optional<Error> failure() const override { return hub_.barrier().failure(); }

  std::int64_t bytes() const noexcept override { return bytes_.load(std::memory_order_relaxed); }
  std::int64_t sent_bytes() const noexcept override { return leads() ? hub_.sent_bytes() : 0; }
  double seconds() const noexcept override {
    return 1e-9 * static_cast<double>(nanoseconds_.load(std::memory_order_relaxed));
  }

 private:
  std::vector<Slot>& slots() noexcept { return process_->slots[calls_ % 2]; }
  Slot& begin_call(Kind kind);
  Head head(const Slot& slot) const { return {.kind = slot.kind, .call = calls_, .digest = hub_.digest()}; }
  Expected call_of(Kind kind) const { return {What::call, kind, calls_, hub_.digest(), 0}; }
  Result<void> meet();
  std::string mismatch();
  Result<void> exchange_words(Kind kind);
  Result<std::int64_t> hear_value(std::int64_t value);
  Result<void> settled(Result<void> result);
  /// `result`, or the group's first error where it is one; all hear of it.
  Result<void> shared(Result<void> result);

  template <class T>
  Result<void> sum_any(Kind kind, const Contribution<T>& mine, T* out, std::size_t n, T scale, bool all,
                       const ParallelFor& parallel);
  template <class T>
  std::vector<Job<T>> jobs();
  template <class T>
  Result<void> meet_and_sum(bool all, const ParallelFor& parallel, const Then& then);
  template <class T>
  Result<void> lead(bool all, const ParallelFor& parallel, const Then& then);
  std::int64_t bytes_of_call() noexcept;
  template <class Sums>
  Result<void> run(Sums sums);
  bool same_out() noexcept;

  const int index_;  // in its process
  const std::shared_ptr<Process> process_;
  Hub& hub_;
  std::uint64_t calls_ = 0;
  std::atomic<std::int64_t> bytes_{0}, nanoseconds_{0};
};

}  // namespace troupe::group
