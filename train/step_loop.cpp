#include "train/step_loop.hpp"

#include <algorithm>

#include "train/late_parts.hpp"
#include "train/shard_work.hpp"

namespace troupe {
namespace {

/// Elements that a worker sums and updates at a time. Fewer cost more than they save.
constexpr std::size_t kGrain = 4096;

/// Where a worker's time went; one cache line each, since they are written side by side.
struct alignas(64) WorkerSeconds {
  double shard = 0, reduce = 0;  // reduce: the update that follows a range's sum included
};

/// What a rank that computes the shards of `run` brings to a reduction.
FloatSum my_sum(const Reduction& r, ShardRun run) {
  const auto first = std::lower_bound(r.shards.begin(), r.shards.end(), run.first);
  const auto last = std::lower_bound(first, r.shards.end(), run.first + run.count);
  const auto begin = first - r.shards.begin();
  FloatSum sum;
  sum.mine.members = static_cast<int>(r.shards.size());
  sum.mine.first = static_cast<int>(begin);
  sum.mine.buffers =
      std::span(r.buffers).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(last - first));
  sum.out = r.out;
  sum.n = r.n;
  sum.scale = r.scale;
  return sum;
}

class RankLoop {
 public:
  RankLoop(const Lease& lease, CpuSlice& slice, Collective& collective, ShardRun run,
           std::function<double()> now)
      : lease_(lease),
        program_(*lease.program),
        slice_(slice),
        collective_(collective),
        run_(run),
        now_(std::move(now)) {}

  LoopEnd go(const std::function<void(const StepStats&)>& on_step) {
    LoopEnd end{.next = lease_.first, .stopped_at = now_()};
    try {
      while (end.next < lease_.end) {
        const double began = now_();
        const std::int64_t bytes_before = collective_.bytes();
        if (!enter_step(end)) break;
        const double waited = now_() - began;
        times_.assign(static_cast<std::size_t>(slice_.workers()), {});
        update_seconds_ = 0;
        first_shard_at_ = now_();
        for (int stage = 0; stage < program_.stages(); ++stage) run_stage(stage, end.next);
        StepStats stats = totals(end.next);
        score(stats);
        if (collective_.leads()) program_.commit(end.next);
        end.begun = false;
        ++end.next;
        end.stopped_at = now_();
        stats.seconds = end.stopped_at - began;
        stats.reduce_bytes = collective_.bytes() - bytes_before;
        stats.wait_seconds = waited;
        stats.began_at = began;
        stats.first_shard_at = first_shard_at_;
        slice_.show_busy();
        if (collective_.leads() && on_step) on_step(stats);
      }
    } catch (...) {
      end.error = from_current_exception("step " + std::to_string(end.next));
      end.stopped_at = now_();
      collective_.abort(end.error->what);
    }
    return end;
  }

 private:
  /// Rank 0 decides for all whether another step begins: a request that comes between two ranks' looks must
  /// not part them. The broadcast is also the barrier behind the last step's commit. The program of another
  /// process begins the step when the broadcast has said so, by the rank that leads there.
  bool enter_step(LoopEnd& end) {
    std::int64_t go = 0;
    if (collective_.rank() == 0 && !lease_.control->edge_requested()) {
      begin(end);
      go = 1;
    }
    if (collective_.ranks() > 1) go = check(collective_.broadcast(go));
    if (go == 0) return false;
    if (collective_.leads() && collective_.rank() != 0) begin(end);
    if (collective_.ranks_here() < collective_.ranks()) check(collective_.barrier_here());
    return true;
  }

  void begin(LoopEnd& end) {
    end.begun = true;  // as soon as it may have changed anything
    program_.begin_step(end.next);
  }

  /// On every rank that leads its process. Ranks of one process see all shards' shares; else the shares are
  /// summed as everything is, to the same bits.
  void score(StepStats& stats) {
    const bool one_process = collective_.ranks_here() == collective_.ranks();
    if (one_process) {
      if (collective_.leads()) stats.scores = program_.scores();
      return;
    }
    const auto names = program_.score_names();
    std::vector<std::vector<double>> shares(static_cast<std::size_t>(run_.count));
    std::vector<const double*> buffers;
    for (int s = 0; s < run_.count; ++s) {
      auto& mine = shares[static_cast<std::size_t>(s)];
      for (std::size_t i = 0; i < names.size(); ++i)
        mine.push_back(program_.shard_score(static_cast<int>(i), run_.first + s));
      buffers.push_back(mine.data());
    }
    std::vector<double> sums(names.size());
    check(collective_.sum(Contribution<double>{program_.shards(), run_.first, buffers}, sums.data(),
                          sums.size(), 1.0 / program_.shards(), true, {}));
    if (!collective_.leads()) return;
    for (std::size_t i = 0; i < names.size(); ++i) stats.scores.push_back({names[i], sums[i]});
  }

  void run_stage(int stage, std::int64_t step) {
    const bool late = collective_.sums_as_ready() && run_.count > 0 && program_.parts(stage) > 0;
    compute_shards(stage, step, late ? 1 : 0);
    reduce_and_update(stage, step, late);
    // Among the ranks of this process: that a sum is there means that everyone else has computed.
    if (collective_.ranks() > 1) check(collective_.barrier_here());
  }

  void compute_shards(int stage, std::int64_t step, int left) {
    ShardWork shards(program_, run_, stage, step, left, [this] { return lease_.control->abandoned(); });
    slice_.run([&](int worker) { shards.work(now_, times_[static_cast<std::size_t>(worker)].shard); });
  }

  /// A worker that summed a range updates that very range while it is in its cache. Workers take ranges one
  /// by one, as they do shards. `late`: the last shard's parts are made as the sums ask for them.
  void reduce_and_update(int stage, std::int64_t step, bool late) {
    std::vector<FloatSum> sums;
    for (const Reduction& r : program_.reductions(stage)) sums.push_back(my_sum(r, run_));
    std::optional<LateParts> parts;
    if (late) {
      parts.emplace(
          program_, stage, run_.first + run_.count - 1, step, slice_, now_,
          [this](int worker, double seconds) { times_[static_cast<std::size_t>(worker)].shard += seconds; });
      parts->attach(program_.reductions(stage), sums);
    }
    const auto update = [&](std::size_t reduction, std::size_t begin, std::size_t end) {
      const double began = now_();
      program_.update(stage, static_cast<int>(reduction), begin, end);
      update_seconds_.fetch_add(now_() - began, std::memory_order_relaxed);
    };
    const auto in_ranges = [&](std::size_t n, const auto& sum) {
      std::atomic<std::size_t> next{0};
      const auto take = [&](int worker) {
        const double began = now_();
        for (std::size_t at = next.fetch_add(kGrain); at < n; at = next.fetch_add(kGrain))
          sum(at, std::min(n, at + kGrain));
        times_[static_cast<std::size_t>(worker)].reduce += now_() - began;
      };
      n > kGrain ? slice_.run(take) : take(0);
    };
    const auto summed = collective_.sum_each(sums, in_ranges, update);
    if (parts) parts->rethrow();
    check(summed);
    if (parts) parts->rest();
  }

  StepStats totals(std::int64_t step) const {
    StepStats s{.step = step, .workers = slice_.workers()};
    for (const auto& t : times_) {
      s.shard_seconds += t.shard;
      s.reduce_seconds += t.reduce;
    }
    s.update_seconds = update_seconds_.load();
    s.reduce_seconds -= s.update_seconds;
    return s;
  }

  template <class T>
  static T check(Result<T> result) {
    if (!result) throw ErrorException(result.error());
    if constexpr (!std::is_void_v<T>) return *result;
  }

  const Lease& lease_;
  Program& program_;
  CpuSlice& slice_;
  Collective& collective_;
  ShardRun run_;
  std::function<double()> now_;
  double first_shard_at_ = 0;
  std::vector<WorkerSeconds> times_;
  std::atomic<double> update_seconds_{0};
};

}  // namespace

LoopEnd run_steps(const Lease& lease, CpuSlice& slice, Collective& collective, ShardRun run,
                  const std::function<void(const StepStats&)>& on_step, const std::function<double()>& now) {
  return RankLoop(lease, slice, collective, run, now).go(on_step);
}

}  // namespace troupe
