#pragma once
// What a job computes, as the runtime sees it: a pure schedule, shards that may be computed by anyone,
// reductions in a fixed order, an elementwise update, a commit. Needs no LibTorch: models behind it do.
//
// A step:      begin_step
//              for each stage: compute(shard) for every shard, in parallel
//                              finish(shard, part) for each part that compute left over, by whoever is idle
//                              sum each reduction over its shards in the fixed tree
//                              update(reduction, range), elementwise, in parallel
//              commit — or roll_back, after which the state is that before begin_step, to the bit.
// Nothing that a shard computes may depend on who computes it, when, or beside whom.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/config.hpp"
#include "base/error.hpp"
#include "data/batch.hpp"
#include "data/image.hpp"
#include "predict/forecast.hpp"

namespace troupe {

class DeviceSlice;

/// Where a step stands in the schedule of phases. A pure function of the step.
struct Moment {
  std::int64_t step = 0;
  int phase = 0;                                // 0, 1, …
  std::string phase_name;                       // "32x32"
  int resolution = 0;                           // 0 where it has no meaning
  double fade = 1;                              // 0 … 1, 1 when the newest layers are fully in
  std::int64_t images = 0;                      // shown before this step
  std::int64_t phase_first = 0, phase_end = 0;  // steps of the phase: [first, end)
};

/// A sum that a stage asks for. Buffers stay where they are for a whole phase.
struct Reduction {
  int replica = 0;                    // whose gradient
  std::vector<int> shards;            // members, ascending
  std::vector<const float*> buffers;  // one for each member
  float* out = nullptr;
  std::size_t n = 0;
  float scale = 1;
};

/// Of a reduction's buffers: [begin, end).
struct Elements {
  std::size_t begin = 0, end = 0;
};

/// A copy of a replica's state, made at a step's edge, written later by another thread.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  virtual Result<void> write(
      const std::filesystem::path& file) const = 0;  // safetensors; written, synced, renamed
};

/// One network: its parameters, optimiser state, moving average. Owned by one actor; touched by the shards of
/// a running step only through its Program.
class Replica {
 public:
  virtual ~Replica() = default;
  virtual std::string name() const = 0;          // "generator0", "discriminator"; names its checkpoint file
  virtual void enter(const Moment& moment) = 0;  // grow to the moment's phase (idempotent)
  virtual std::uint64_t hash() const = 0;        // of parameters and optimiser state
  virtual std::int64_t parameters() const = 0;
  virtual std::shared_ptr<const Snapshot> snapshot() const = 0;
  virtual Result<void> restore(const std::filesystem::path& file, const Moment& moment) = 0;
  /// The committed state where it lies, all that hash() is of: what a copy of this network in another process
  /// needs to be its equal. Two copies of one phase have spans of the same sizes. Valid between steps, until
  /// the network grows or is restored. Empty (the default): the network can't be copied, and its job stays in
  /// one process.
  virtual std::vector<std::span<std::byte>> state() { return {}; }
  /// state() was written to from outside: what is derived from it is made anew.
  virtual void adopt() {}
  virtual bool makes_images() const { return false; }
  /// Images by the moving average; a pure function of (state, moment, seed). Only where makes_images().
  virtual Result<std::vector<Image>> sample(int count, std::int64_t seed, const Moment& moment) const;
};

struct Score {
  std::string name;  // "critic", "generator", "distance", "penalty", "accuracy" …
  double value = 0;
};

/// Thread contract: `forecast`, `compute`, `finish`, `update` and `make_batch` are called from many threads
/// at once (with different shards, ranges, steps); everything else from one thread at a time, between steps.
class Program {
 public:
  virtual ~Program() = default;
  // pure
  virtual std::int64_t steps() const = 0;
  virtual Moment moment(std::int64_t step) const = 0;  // step == steps(): the end, in the last phase
  virtual int phases() const = 0;
  virtual int shards() const = 0;
  virtual int images_per_step() const = 0;
  virtual int stages() const = 0;
  /// Arithmetic and bytes of a step in `phase` relative to phase 0: scales a measured demand to the next
  /// phase.
  virtual double relative_seconds(int phase) const = 0;
  virtual double relative_bytes(int phase) const = 0;
  /// What a phase takes, told before any of it is run: bytes of all that the job does in it, images made at
  /// its end included, and a step's work. Nothing (the default): the program can't tell. Pure; any thread,
  /// beside a step too. What it has to measure of the machine for it, it measures once: up to some tenths of
  /// a second.
  virtual std::optional<PhaseForecast> forecast(int phase) const;
  /// Hash of all that it was made of beyond the configuration, wherever that lies: what a checkpoint may be
  /// gone on from with. 0 (the default): it can't tell, and data count as the same where their path is.
  virtual std::uint64_t data_identity() const;
  virtual Batch make_batch(std::int64_t step) const = 0;
  /// Of a program whose networks live on a device that is no CPU: from here on that is where they live, and
  /// all calls but those of "pure" come from this thread, the slice's; leave() before the slice goes, after
  /// which nothing of it is on the device. Throws bad_config where the program knows no such device (the
  /// default).
  virtual void use(DeviceSlice& slice);
  virtual void leave() {}
  // state
  virtual std::span<const std::shared_ptr<Replica>> replicas() = 0;
  virtual BatchQueue& batches() = 0;
  virtual void enter(const Moment& moment) = 0;  // after every replica entered: shard buffers, reductions
  virtual void begin_step(std::int64_t step) = 0;
  virtual void compute(int stage, int shard, std::int64_t step) = 0;
  /// What compute leaves over: finish is called once for each part 0 … parts(stage) - 1 of a shard, after its
  /// compute, in any order and from any thread, so that idle workers share the last shards' work.
  virtual int parts(int stage) const;
  /// Whether a worker may compute its next shard before it finishes the last one's parts, which leaves more
  /// to share out in the end. It costs the memory of one more shard a worker: yes where that is little.
  virtual bool holds_parts(int stage) const;
  virtual void finish(int stage, int shard, int part, std::int64_t step);
  /// All that a part may write of its shard's buffer: what no part that is left writes may be summed already.
  /// Empty (the default): it may be any of it.
  virtual std::vector<Elements> writes(int stage, int part) const;
  virtual std::span<const Reduction> reductions(int stage) = 0;
  virtual void update(int stage, int reduction, std::size_t begin, std::size_t end) = 0;
  virtual void commit(std::int64_t step) = 0;
  virtual void roll_back() = 0;
  /// What a step tells of itself. A score is the mean of the shards' shares, summed in the fixed tree.
  virtual std::vector<std::string> score_names() const = 0;
  /// Of the step just computed, by a shard that was computed here.
  virtual double shard_score(int score, int shard) const = 0;
  /// The scores of a step all of whose shards were computed here.
  std::vector<Score> scores() const;
  /// Real images beside which samples are shown; empty where that has no meaning.
  virtual std::vector<Image> real_images(int count, const Moment& moment) const;
};

/// What a job kind is given to build its program with.
struct ProgramContext {
  JobConfig job;
  std::filesystem::path runs;  // for the pyramid cache
  int threads = 1;             // that may be used to build the pyramid
  std::function<void(const std::string& stage, std::int64_t done, std::int64_t total)> progress;
};
using ProgramFactory = std::function<Result<std::shared_ptr<Program>>(const ProgramContext&)>;

}  // namespace troupe
