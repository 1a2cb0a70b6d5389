#include "train/step_loop.hpp"

#include <algorithm>

namespace troupe {
namespace {

/// Below this many elements a fork costs more than it saves.
constexpr std::size_t kForkGrain = 8192;

/// Where a worker's time went; one cache line each, since they are written side by side.
struct alignas(64) WorkerSeconds {
  double shard = 0, reduce = 0, update = 0;
};

std::vector<const float*> my_buffers(const Reduction& r, ShardRun run, int& first) {
  std::vector<const float*> mine;
  first = 0;
  for (std::size_t i = 0; i < r.shards.size(); ++i) {
    if (r.shards[i] < run.first) ++first;
    if (r.shards[i] >= run.first && r.shards[i] < run.first + run.count) mine.push_back(r.buffers[i]);
  }
  return mine;
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
        if (!enter_step(end.next)) break;
        const double waited = now_() - began;
        times_.assign(static_cast<std::size_t>(slice_.workers()), {});
        first_shard_at_ = now_();
        for (int stage = 0; stage < program_.stages(); ++stage) run_stage(stage, end.next);
        StepStats stats = totals(end.next);
        if (collective_.rank() == 0) {
          stats.scores = program_.scores();
          program_.commit(end.next);
        }
        ++end.next;
        end.stopped_at = now_();
        stats.seconds = end.stopped_at - began;
        stats.reduce_bytes = collective_.bytes() - bytes_before;
        stats.wait_seconds = waited;
        stats.began_at = began;
        stats.first_shard_at = first_shard_at_;
        if (collective_.rank() == 0 && on_step) on_step(stats);
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
  /// not part them. The broadcast is also the barrier behind the last step's commit.
  bool enter_step(std::int64_t step) {
    std::int64_t go = 0;
    if (collective_.rank() == 0 && !lease_.control->edge_requested()) {
      program_.begin_step(step);
      go = 1;
    }
    if (collective_.ranks() > 1) go = check(collective_.broadcast(go));
    return go != 0;
  }

  void run_stage(int stage, std::int64_t step) {
    compute_shards(stage, step);
    const auto reductions = program_.reductions(stage);
    for (int r = 0; r < static_cast<int>(reductions.size()); ++r)
      reduce_and_update(stage, r, reductions[static_cast<std::size_t>(r)]);
    if (collective_.ranks() > 1) check(collective_.barrier());
  }

  /// Workers take the rank's shards one by one, so that a core that is slow for a while holds up nobody.
  void compute_shards(int stage, std::int64_t step) {
    std::atomic<int> next{0};
    slice_.run([&](int worker) {
      const double began = now_();
      for (int i = next.fetch_add(1); i < run_.count; i = next.fetch_add(1)) {
        if (lease_.control->abandoned())
          throw ErrorException({.code = ErrorCode::interrupted, .what = "the step was given up"});
        program_.compute(stage, run_.first + i, step);
      }
      times_[static_cast<std::size_t>(worker)].shard += now_() - began;
    });
  }

  /// A worker that summed a range updates that very range while it is in its cache.
  void reduce_and_update(int stage, int index, const Reduction& r) {
    const auto rank = static_cast<std::size_t>(collective_.rank()),
               ranks = static_cast<std::size_t>(collective_.ranks());
    const std::size_t part_begin = r.n * rank / ranks;
    Contribution<float> mine{.members = static_cast<int>(r.shards.size()), .first = 0, .buffers = {}};
    const auto buffers = my_buffers(r, run_, mine.first);
    mine.buffers = buffers;
    const auto range = [&](int worker, std::size_t begin, std::size_t end, const auto& sum) {
      auto& t = times_[static_cast<std::size_t>(worker)];
      const double t0 = now_();
      sum(begin, end);
      const double t1 = now_();
      program_.update(stage, index, part_begin + begin, part_begin + end);
      t.reduce += t1 - t0;
      t.update += now_() - t1;
    };
    check(collective_.sum(mine, r.out, r.n, r.scale, false, [&](std::size_t n, const auto& sum) {
      if (n == 0) return;
      if (n < kForkGrain || slice_.workers() == 1) return range(0, 0, n, sum);
      slice_.run([&](int worker) {
        const auto w = static_cast<std::size_t>(worker), workers = static_cast<std::size_t>(slice_.workers());
        const std::size_t begin = n * w / workers, end = n * (w + 1) / workers;
        if (begin < end) range(worker, begin, end, sum);
      });
    }));
  }

  StepStats totals(std::int64_t step) const {
    StepStats s{.step = step, .workers = slice_.workers()};
    for (const auto& t : times_) {
      s.shard_seconds += t.shard;
      s.reduce_seconds += t.reduce;
      s.update_seconds += t.update;
    }
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
};

}  // namespace

LoopEnd run_steps(const Lease& lease, CpuSlice& slice, Collective& collective, ShardRun run,
                  const std::function<void(const StepStats&)>& on_step, const std::function<double()>& now) {
  return RankLoop(lease, slice, collective, run, now).go(on_step);
}

}  // namespace troupe
