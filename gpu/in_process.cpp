// The in-process collective: ranks publish pointers, meet at a barrier, and each sums its own part of the
// elements straight from all members' buffers.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <utility>

#include "gpu/barrier.hpp"
#include "gpu/call_guards.hpp"
#include "gpu/call_shape.hpp"

namespace troupe {
namespace {

/// What a rank brings to one call. Two a rank, used in turn: a rank that is ahead by one call leaves the slot
/// that the slow ones still read alone, and two calls ahead it can't be.
struct alignas(64) Slot {
  CallShape shape;
  std::vector<const void*> buffers;  // a copy: the caller's array may go when its call returns
  void* out = nullptr;
  std::int64_t value = 0;
  std::vector<Slot> each;  // of sum_each
};

struct Shared {
  Shared(int ranks, double timeout) : barrier(ranks, timeout) {
    for (auto& half : slots) half.resize(static_cast<std::size_t>(ranks));
  }
  RankBarrier barrier;
  std::array<std::vector<Slot>, 2> slots;
  Readers readers;
};

constexpr const char* kWhere = "in-process collective";

/// One call's slot of every rank.
using Calls = std::vector<const Slot*>;

std::vector<const CallShape*> shapes(const Calls& calls) {
  std::vector<const CallShape*> all;
  for (const Slot* slot : calls) all.push_back(&slot->shape);
  return all;
}

class InProcess final : public Collective {
 public:
  InProcess(int rank, int ranks, std::shared_ptr<Shared> shared)
      : rank_(rank), ranks_(ranks), shared_(std::move(shared)) {}
  /// A rank that leaves for good: whoever still waits for it, or will, need not wait for the timeout.
  ~InProcess() override {
    fail_all("left before the others were done");
    shared_->readers.outlast();
  }

  int rank() const noexcept override { return rank_; }
  int ranks() const noexcept override { return ranks_; }

  Result<void> sum(const Contribution<float>& mine, float* out, std::size_t n, float scale, bool all,
                   const ParallelFor& parallel) override {
    return sum_any("sum of float", mine, out, n, scale, all, parallel);
  }
  Result<void> sum(const Contribution<double>& mine, double* out, std::size_t n, double scale, bool all,
                   const ParallelFor& parallel) override {
    return sum_any("sum of double", mine, out, n, scale, all, parallel);
  }
  Result<void> sum(const Contribution<std::int64_t>& mine, std::int64_t* out, std::size_t n,
                   std::int64_t scale, bool all, const ParallelFor& parallel) override {
    return sum_any("sum of int64", mine, out, n, scale, all, parallel);
  }

  Result<void> sum_each(std::span<const FloatSum> sums, const ParallelFor& parallel,
                        const Then& then) override {
    TimedCall timed(nanoseconds_);
    return settled(publish_and_sum_each(sums, parallel, then));
  }

  Result<void> barrier() override {
    TimedCall timed(nanoseconds_);
    next_slot() = {.shape = {.call = "barrier"}, .buffers = {}};
    return settled(meet());
  }

  Result<std::int64_t> broadcast(std::int64_t value) override {
    TimedCall timed(nanoseconds_);
    next_slot() = {.shape = {.call = "broadcast"}, .buffers = {}, .value = value};
    if (auto met = settled(meet()); !met) return fail(met.error());
    return slots()[0].value;
  }

  void abort(const std::string& reason) noexcept override { fail_all("failed: " + reason); }
  std::optional<Error> failure() const override { return shared_->barrier.failure(); }

  std::int64_t bytes() const noexcept override { return bytes_.load(std::memory_order_relaxed); }
  double seconds() const noexcept override {
    return 1e-9 * static_cast<double>(nanoseconds_.load(std::memory_order_relaxed));
  }

 private:
  std::vector<Slot>& slots() noexcept { return shared_->slots[calls_ % 2]; }
  Slot& next_slot() noexcept {
    ++calls_;
    return slots()[static_cast<std::size_t>(rank_)];
  }
  Calls calls() {
    Calls all;
    for (const auto& slot : slots()) all.push_back(&slot);
    return all;
  }
  /// Of sum i of a sum_each.
  Calls calls(std::size_t i) {
    Calls all;
    for (const auto& slot : slots()) all.push_back(&slot.each[i]);
    return all;
  }
  std::size_t part(std::size_t n, int r) const noexcept {
    return n * static_cast<std::size_t>(r) / static_cast<std::size_t>(ranks_);
  }

  void fail_all(const std::string& how) noexcept {
    shared_->barrier.fail({ErrorCode::peer_failed, fmt::format("rank {} of {} {}", rank_, ranks_, how),
                           kWhere, "", "", "The first error of the job's log names the cause"});
  }

  /// A caller that hears of an error may free its buffers at once: so it hears of it when nobody reads them
  /// any more.
  Result<void> settled(Result<void> result) {
    if (!result) shared_->readers.outlast();
    return result;
  }

  /// The barrier after this rank has published its slot: what follows may read all slots of this call.
  Result<void> meet() {
    if (auto come = shared_->barrier.arrive(rank_); !come) return come;
    const auto why = [this] {
      auto found = mismatch(shapes(calls()));
      for (std::size_t i = 0; found.empty() && i < slots()[0].each.size(); ++i)
        found = mismatch(shapes(calls(i)));
      return found;
    }();
    if (!why.empty()) {
      shared_->barrier.fail(disagreement(why, kWhere));
      return fail(shared_->barrier.error());
    }
    return {};
  }

  template <class T>
  Result<void> sum_any(const char* call, const Contribution<T>& mine, T* out, std::size_t n, T scale,
                       bool all, const ParallelFor& parallel) {
    TimedCall timed(nanoseconds_);
    return settled(publish_and_sum(call, mine, out, n, scale, all, parallel));
  }

  template <class T>
  static void fill(Slot& slot, const char* call, const Contribution<T>& mine, T* out, std::size_t n, T scale,
                   bool all) {
    slot.shape = shape_of(call, mine, n, scale, all);
    slot.buffers.assign(mine.buffers.begin(), mine.buffers.end());
    slot.out = out;
  }

  template <class T>
  static std::vector<const T*> members_of(const Calls& calls) {
    std::vector<const T*> members;
    for (const Slot* slot : calls)
      for (const void* buffer : slot->buffers) members.push_back(static_cast<const T*>(buffer));
    return members;
  }

  /// `parallel` runs on other threads, whose errors come back as exceptions.
  template <class F>
  Result<void> caught(const F& work) {
    try {
      return work();
    } catch (...) {
      const auto error = from_current_exception(kWhere);
      abort(error.text());
      return fail(error);
    }
  }

  template <class T>
  Result<void> publish_and_sum(const char* call, const Contribution<T>& mine, T* out, std::size_t n, T scale,
                               bool all, const ParallelFor& parallel) {
    Readers::Reading reading(shared_->readers);
    Slot& slot = next_slot();
    slot.each.clear();
    fill(slot, call, mine, out, n, scale, all);
    if (auto met = meet(); !met) return met;
    return caught([&]() -> Result<void> {
      add_part(out, n, scale, parallel);
      if (!all || ranks_ == 1) return {};
      if (auto added = shared_->barrier.arrive(rank_); !added) return added;
      if (same_out_everywhere()) return {};
      copy_parts(out, n, parallel);
      return shared_->barrier.arrive(rank_);  // nobody's `out` changes while others copy from it
    });
  }

  template <class T>
  void add_part(T* out, std::size_t n, T scale, const ParallelFor& parallel) {
    const auto members = members_of<T>(calls());
    const std::size_t begin = part(n, rank_), size = part(n, rank_ + 1) - begin;
    spread(parallel, size, [&, begin](std::size_t from, std::size_t to) {
      tree_sum(std::span<const T* const>(members), out, begin + from, begin + to, scale);
    });
    bytes_.fetch_add(static_cast<std::int64_t>((members.size() + 1) * size * sizeof(T)),
                     std::memory_order_relaxed);
  }

  Result<void> publish_and_sum_each(std::span<const FloatSum> sums, const ParallelFor& parallel,
                                    const Then& then) {
    Readers::Reading reading(shared_->readers);
    Slot& slot = next_slot();
    slot.shape = {.call = "several sums of float", .sums = sums.size()};
    slot.buffers.clear();
    slot.each.resize(sums.size());
    for (std::size_t i = 0; i < sums.size(); ++i)
      fill(slot.each[i], "sum of float", sums[i].mine, sums[i].out, sums[i].n, sums[i].scale, false);
    if (auto met = meet(); !met) return met;
    return caught([&]() -> Result<void> {
      add_parts(sums, parallel, then);
      return {};
    });
  }

  /// This rank's parts of all sums, as one range one behind another.
  void add_parts(std::span<const FloatSum> sums, const ParallelFor& parallel, const Then& then) {
    struct Part {
      std::vector<const float*> members;
      std::size_t at, first, size;  // in the range; in the sum
    };
    std::vector<Part> parts;
    std::size_t total = 0, bytes = 0;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const std::size_t first = part(sums[i].n, rank_), size = part(sums[i].n, rank_ + 1) - first;
      parts.push_back({members_of<float>(calls(i)), total, first, size});
      total += size;
      bytes += (parts.back().members.size() + 1) * size * sizeof(float);
    }
    spread(parallel, total, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = 0; i < parts.size(); ++i) {
        const Part& p = parts[i];
        const std::size_t from = std::max(begin, p.at), to = std::min(end, p.at + p.size);
        if (from >= to) continue;
        tree_sum(std::span<const float* const>(p.members), sums[i].out, p.first + from - p.at,
                 p.first + to - p.at, sums[i].scale);
        then(i, p.first + from - p.at, p.first + to - p.at);
      }
    });
    bytes_.fetch_add(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
  }

  bool same_out_everywhere() noexcept {
    for (const auto& slot : slots())
      if (slot.out != slots()[0].out) return false;
    return true;
  }

  /// The parts that other ranks summed into buffers of their own. Of ranks with one `out` the lowest copies.
  template <class T>
  void copy_parts(T* out, std::size_t n, const ParallelFor& parallel) {
    for (int r = 0; r < rank_; ++r)
      if (slots()[static_cast<std::size_t>(r)].out == out) return;
    for (int r = 0; r < ranks_; ++r) {
      const auto* theirs = static_cast<const T*>(slots()[static_cast<std::size_t>(r)].out);
      if (theirs == out) continue;
      const std::size_t begin = part(n, r), size = part(n, r + 1) - begin;
      spread(parallel, size, [=](std::size_t from, std::size_t to) {
        std::memcpy(out + begin + from, theirs + begin + from, (to - from) * sizeof(T));
      });
      bytes_.fetch_add(static_cast<std::int64_t>(2 * size * sizeof(T)), std::memory_order_relaxed);
    }
  }

  const int rank_, ranks_;
  const std::shared_ptr<Shared> shared_;
  std::uint64_t calls_ = 0;
  std::atomic<std::int64_t> bytes_{0}, nanoseconds_{0};
};

}  // namespace

std::vector<std::shared_ptr<Collective>> make_in_process(int ranks, double timeout_seconds) {
  ranks = std::max(ranks, 1);
  const auto shared = std::make_shared<Shared>(ranks, timeout_seconds);
  std::vector<std::shared_ptr<Collective>> ends;
  for (int r = 0; r < ranks; ++r) ends.push_back(std::make_shared<InProcess>(r, ranks, shared));
  return ends;
}

}  // namespace troupe
