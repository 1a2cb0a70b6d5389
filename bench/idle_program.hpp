#pragma once
// A job that computes nothing: five shards without arithmetic, and a pause before each step, so that hundreds
// of such jobs leave the cores to the actors that are measured.
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "train/program.hpp"

namespace troupe::bench {

/// Waits until so many jobs have begun their first step.
class Muster {
 public:
  void arrive() {
    const std::lock_guard lock(mutex_);
    ++here_;
    changed_.notify_all();
  }
  /// False after `seconds`.
  bool wait_for(int jobs, double seconds) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return here_ >= jobs; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int here_ = 0;
};

class IdleProgram final : public Program {
 public:
  static constexpr int kShards = 5;
  static constexpr std::chrono::milliseconds kPause{100};

  explicit IdleProgram(std::shared_ptr<Muster> muster) : muster_(std::move(muster)) {
    reduction_.out = &sum_;
    reduction_.n = 1;
    for (int shard = 0; shard < kShards; ++shard) {
      reduction_.shards.push_back(shard);
      reduction_.buffers.push_back(&gradients_[shard]);
    }
  }
  std::int64_t steps() const override { return std::int64_t{1} << 40; }
  Moment moment(std::int64_t step) const override {
    return {.step = step, .phase_name = "idle", .images = step, .phase_end = steps()};
  }
  int phases() const override { return 1; }
  int shards() const override { return kShards; }
  int images_per_step() const override { return 1; }
  int stages() const override { return 1; }
  double relative_seconds(int) const override { return 1; }
  double relative_bytes(int) const override { return 1; }
  Batch make_batch(std::int64_t step) const override { return {.step = step}; }
  std::span<const std::shared_ptr<Replica>> replicas() override { return replicas_; }
  BatchQueue& batches() override { return batches_; }
  void enter(const Moment&) override {}
  void begin_step(std::int64_t step) override {
    batches_.wait(step);
    if (step == 0)
      muster_->arrive();
    else
      std::this_thread::sleep_for(kPause);
  }
  void compute(int, int, std::int64_t) override {}
  std::span<const Reduction> reductions(int) override { return {&reduction_, 1}; }
  void update(int, int, std::size_t, std::size_t) override {}
  void commit(std::int64_t) override {}
  void roll_back() override {}
  std::vector<std::string> score_names() const override { return {"gradient"}; }
  double shard_score(int, int shard) const override { return gradients_[shard]; }

 private:
  /// A network without parameters.
  class Nothing final : public Replica {
    struct Empty final : Snapshot {
      Result<void> write(const std::filesystem::path&) const override {
        return fail({.code = ErrorCode::internal, .what = "a job that computes nothing has nothing to keep"});
      }
    };

   public:
    std::string name() const override { return "nothing"; }
    void enter(const Moment&) override {}
    std::uint64_t hash() const override { return 0; }
    std::int64_t parameters() const override { return 0; }
    std::shared_ptr<const Snapshot> snapshot() const override { return std::make_shared<Empty>(); }
    Result<void> restore(const std::filesystem::path&, const Moment&) override { return {}; }
  };

  std::shared_ptr<Muster> muster_;
  BatchQueue batches_{2};
  std::vector<std::shared_ptr<Replica>> replicas_{std::make_shared<Nothing>()};
  float gradients_[kShards] = {}, sum_ = 0;
  Reduction reduction_;
};

}  // namespace troupe::bench
