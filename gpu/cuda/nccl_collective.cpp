#include "gpu/cuda/nccl_collective.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <thread>

#include "gpu/barrier.hpp"
#include "gpu/call_guards.hpp"
#include "gpu/call_shape.hpp"
#include "gpu/cuda/tree_launch.hpp"

namespace troupe::cuda {
namespace {

constexpr const char* kWhere = "NCCL collective";
constexpr std::chrono::microseconds kSpin{200}, kNap{50};  // a sum of a small bucket takes less than the spin

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// What a rank brings to one call. Two a rank, used in turn, as in the in-process collective.
struct alignas(64) Slot {
  CallShape shape;
  std::vector<CallShape> each;
  std::int64_t value = 0;
};

/// What the ranks share: host memory alone.
struct Shared {
  Shared(int ranks, double timeout)
      : barrier(ranks, timeout, [ranks, timeout](const std::vector<int>& missing) {
          return Error{ErrorCode::peer_missing,
                       fmt::format("rank {} of {} did not come in time", fmt::join(missing, ", "), ranks),
                       kWhere,
                       fmt::format("waited {:g} s", timeout),
                       "",
                       "A slice hangs or died without a word; see the log, or raise cluster.failure_timeout"};
        }) {
    for (auto& half : slots) half.resize(static_cast<std::size_t>(ranks));
  }
  RankBarrier barrier;
  std::array<std::vector<Slot>, 2> slots;
  NcclId id;
};

class NcclCollective final : public Collective {
 public:
  NcclCollective(int rank, int ranks, NcclEnd end, const NcclCollectiveOptions& options,
                 std::shared_ptr<Shared> shared)
      : rank_(rank),
        ranks_(ranks),
        memory_(std::move(end.memory)),
        options_(options),
        shared_(std::move(shared)),
        launch_(*memory_, options.bucket, [this](Nccl& nccl, Comm comm) { return enqueued(nccl, comm); }) {
    ReduceLimits limits;
    limits.init = limits.sum = options.timeout_seconds;
    nccl_ = std::make_unique<NcclRank>(
        std::move(end.nccl), limits, std::move(end.detached),
        ReduceWatch{{}, [this](const reduce::AskRebuild& a) { trouble_ = a.reason; }});
  }
  ~NcclCollective() override {
    fail_all("left before the others were done");
    nccl_.reset();
    drain();
  }

  int rank() const noexcept override { return rank_; }
  int ranks() const noexcept override { return ranks_; }
  int ranks_here() const noexcept override { return 1; }
  bool leads() const noexcept override { return true; }
  std::pair<std::size_t, std::size_t> part(std::size_t n) const override { return {0, n}; }

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
    Slot& slot = next_slot({.call = "several sums of float", .sums = sums.size()});
    for (const auto& s : sums) slot.each.push_back(shape_of("sum of float", s.mine, s.n, s.scale, false));
    if (auto met = meet(); !met) return met;
    return caught([&]() -> Result<void> {
      auto summed = on_device([&](Nccl* nccl, Comm comm) -> Result<void> {
        for (std::size_t i = 0; i < sums.size(); ++i)
          if (auto launched =
                  launch_one(nccl, comm, runs(i), sums[i].mine, sums[i].out, sums[i].n, sums[i].scale);
              !launched)
            return launched;
        return {};
      });
      for (std::size_t i = 0; summed && i < sums.size(); ++i)
        spread(parallel, sums[i].n, [&](std::size_t begin, std::size_t end) { then(i, begin, end); });
      return summed;
    });
  }

  Result<void> barrier() override {
    TimedCall timed(nanoseconds_);
    next_slot({.call = "barrier"});
    return meet();
  }
  Result<void> barrier_here() override {
    TimedCall timed(nanoseconds_);
    if (shared_->barrier.failed()) return fail(shared_->barrier.error());
    return {};
  }
  Result<std::int64_t> broadcast(std::int64_t value) override {
    TimedCall timed(nanoseconds_);
    next_slot({.call = "broadcast"}).value = value;
    if (auto met = meet(); !met) return fail(met.error());
    return slots()[0].value;
  }
  void abort(const std::string& reason) noexcept override { fail_all("failed: " + reason); }

  std::int64_t bytes() const noexcept override { return bytes_.load(std::memory_order_relaxed); }
  double seconds() const noexcept override {
    return 1e-9 * static_cast<double>(nanoseconds_.load(std::memory_order_relaxed));
  }

 private:
  std::vector<Slot>& slots() noexcept { return shared_->slots[calls_ % 2]; }
  Slot& next_slot(const CallShape& shape) {
    ++calls_;
    Slot& slot = slots()[static_cast<std::size_t>(rank_)];
    slot.shape = shape;
    slot.each.clear();
    return slot;
  }
  void fail_all(const std::string& how) noexcept {
    shared_->barrier.fail({ErrorCode::peer_failed, fmt::format("rank {} of {} {}", rank_, ranks_, how),
                           kWhere, "", "", "The first error of the job's log names the cause"});
  }

  Result<void> meet() {
    if (auto come = shared_->barrier.arrive(rank_); !come) return come;
    std::vector<const CallShape*> shapes;
    for (const auto& slot : slots()) shapes.push_back(&slot.shape);
    std::string why = mismatch(shapes);
    for (std::size_t i = 0; why.empty() && i < slots()[0].each.size(); ++i) {
      shapes.clear();
      for (const auto& slot : slots()) shapes.push_back(&slot.each[i]);
      why = mismatch(shapes);
    }
    if (why.empty()) return {};
    shared_->barrier.fail(disagreement(std::move(why), kWhere));
    return fail(shared_->barrier.error());
  }

  static ShardRun run_of(const CallShape& shape) { return {shape.first, shape.held}; }
  /// Of the ranks, in a call's only sum, or in sum i of several.
  std::vector<ShardRun> runs() {
    std::vector<ShardRun> all;
    for (const auto& slot : slots()) all.push_back(run_of(slot.shape));
    return all;
  }
  std::vector<ShardRun> runs(std::size_t i) {
    std::vector<ShardRun> all;
    for (const auto& slot : slots()) all.push_back(run_of(slot.each[i]));
    return all;
  }

  template <class T>
  Result<void> sum_any(const char* call, const Contribution<T>& mine, T* out, std::size_t n, T scale,
                       bool all, const ParallelFor& parallel) {
    TimedCall timed(nanoseconds_);
    next_slot(shape_of(call, mine, n, scale, all));
    if (auto met = meet(); !met) return met;
    return caught([&]() -> Result<void> {
      auto summed = on_device(
          [&](Nccl* nccl, Comm comm) { return launch_one(nccl, comm, runs(), mine, out, n, scale); });
      if (!summed) return summed;
      spread(parallel, n, [](std::size_t, std::size_t) {});
      return all ? shared_->barrier.arrive(rank_) : Result<void>();
    });
  }

  template <class T>
  Result<void> launch_one(Nccl* nccl, Comm comm, const std::vector<ShardRun>& runs,
                          const Contribution<T>& mine, T* out, std::size_t n, T scale) {
    bytes_.fetch_add(static_cast<std::int64_t>((mine.buffers.size() + 1) * n * sizeof(T)),
                     std::memory_order_relaxed);
    if constexpr (std::is_same_v<T, float>)
      if (!options_.exact && nccl) return launch_.fast(*nccl, comm, mine, out, n, scale);
    return launch_.exact(nccl, comm, rank_, runs, mine, out, n, scale);
  }

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

  /// Gives the stream the work of a call and waits for its end. All ranks are in the same call.
  Result<void> on_device(const std::function<Result<void>(Nccl*, Comm)>& work) {
    std::optional<Result<void>> told;
    if (ranks_ == 1) {
      auto launched = work(nullptr, {});
      if (launched) launched = memory_->mark();
      while (launched && !told) {
        const auto passed = memory_->passed();
        if (!passed)
          launched = fail(passed.error());
        else if (*passed)
          told = Result<void>();
        else
          std::this_thread::yield();
      }
      return settled(std::move(launched));
    }
    if (auto formed = form(); !formed) return settled(std::move(formed));
    nccl_->start(
        {[&](Nccl& nccl, Comm comm) -> Result<void> {
           if (auto launched = work(&nccl, comm); !launched) return launched;
           return memory_->mark();
         },
         [this] { return memory_->passed(); },
         [&](Result<void> r) {  // before the communicator is aborted, which the others would hear of first
           if (!r) fail_all("failed: " + r.error().text());
           told = std::move(r);
         }},
        seconds_now());
    wait([&] { return told.has_value(); });
    if (!told) nccl_->stop(seconds_now());  // reports it as interrupted
    return settled(std::move(*told));
  }

  /// The communicator, at the group's first sum.
  Result<void> form() {
    if (nccl_->state() == ReduceMachine::State::none && !trouble_)
      nccl_->rebuild({1, ranks_, rank_, shared_->id}, seconds_now());
    wait([this] { return trouble_ || nccl_->state() == ReduceMachine::State::ready; });
    if (trouble_) return fail(*trouble_);
    if (shared_->barrier.failed()) return fail(shared_->barrier.error());
    return {};
  }

  /// Until `over`, or the group has failed.
  template <class F>
  void wait(const F& over) {
    const auto start = std::chrono::steady_clock::now();
    while (!over() && !shared_->barrier.failed()) {
      nccl_->poll(seconds_now());
      if (std::chrono::steady_clock::now() - start < kSpin)
        std::this_thread::yield();
      else
        std::this_thread::sleep_for(kNap);
    }
  }

  /// A communicator that does not block takes one call after the other: what comes behind it in the stream is
  /// to be behind it.
  Result<void> enqueued(Nccl& nccl, Comm comm) {
    const double until = seconds_now() + options_.timeout_seconds;
    for (;;) {
      const auto ready = nccl.ready(comm);
      if (!ready) return fail(ready.error());
      if (*ready) return {};
      if (shared_->barrier.failed()) return fail(shared_->barrier.error());
      if (seconds_now() > until)
        return fail({ErrorCode::peer_missing, "NCCL did not start a sum in time", kWhere,
                     fmt::format("waited {:g} s", options_.timeout_seconds)});
      std::this_thread::yield();
    }
  }

  /// An error ends the group. The caller may free its buffers then: so nothing of the stream reads them any
  /// more.
  Result<void> settled(Result<void> result) {
    if (result) return result;
    fail_all("failed: " + result.error().text());
    nccl_->stop(seconds_now());
    drain();
    return fail(shared_->barrier.error());
  }
  void drain() noexcept {
    const double until = seconds_now() + ReduceLimits().abort;
    if (!memory_->mark()) return;
    for (auto passed = memory_->passed(); passed && !*passed && seconds_now() < until;
         passed = memory_->passed())
      std::this_thread::sleep_for(kNap);
  }

  const int rank_, ranks_;
  const std::shared_ptr<DeviceMemory> memory_;
  const NcclCollectiveOptions options_;
  const std::shared_ptr<Shared> shared_;
  TreeLaunch launch_;
  std::unique_ptr<NcclRank> nccl_;
  std::optional<Error> trouble_;  // why there is no communicator any more
  std::uint64_t calls_ = 0;
  std::atomic<std::int64_t> bytes_{0}, nanoseconds_{0};
};

}  // namespace

Result<std::vector<std::shared_ptr<Collective>>> make_nccl(std::vector<NcclEnd> ends,
                                                           const NcclCollectiveOptions& options) {
  if (ends.empty()) return fail({ErrorCode::internal, "a group of no devices was asked for", kWhere});
  const int ranks = static_cast<int>(ends.size());
  const auto shared = std::make_shared<Shared>(ranks, options.timeout_seconds);
  if (ranks > 1) {
    const auto id = ends.front().nccl->make_id();
    if (!id) return fail(id.error());
    shared->id = *id;
  }
  std::vector<std::shared_ptr<Collective>> all;
  for (int r = 0; r < ranks; ++r)
    all.push_back(std::make_shared<NcclCollective>(r, ranks, std::move(ends[static_cast<std::size_t>(r)]),
                                                   options, shared));
  return all;
}

}  // namespace troupe::cuda
