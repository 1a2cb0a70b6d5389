#pragma once
// A program whose steps a bench sees end, and may hold up.
#include <condition_variable>
#include <ctime>
#include <map>
#include <mutex>
#include <utility>

#include "bench/bench.hpp"
#include "train/program.hpp"

namespace troupe::bench {

/// Steps of one job. Any thread.
class Watch {
 public:
  struct Seen {
    int steps = 0;
    double seconds = 0;            // of a step; 0: fewer than two ended
    double processor_seconds = 0;  // likewise, of the thread that leads: all of a job's on one core
    double waiting = 0;            // share of them before their shards began
  };
  /// Steps that ended between the two times (now()).
  Seen between(double from, double to) const {
    const std::lock_guard lock(mutex_);
    std::vector<Ended> in;
    for (const Ended& e : ended_)
      if (e.at >= from && e.at <= to) in.push_back(e);
    Seen seen{.steps = static_cast<int>(in.size())};
    if (in.size() < 2) return seen;
    const double all = in.back().at - in.front().at;
    const auto steps = static_cast<double>(in.size() - 1);
    seen.seconds = all / steps;
    seen.processor_seconds = (in.back().processor - in.front().processor) / steps;
    for (std::size_t i = 1; i < in.size(); ++i) seen.waiting += in[i].waited / all;
    return seen;
  }
  int ended() const {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(ended_.size());
  }
  /// A step that is not begun waits while the gate is shut.
  void gate(bool open) {
    const std::lock_guard lock(mutex_);
    open_ = open;
    changed_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_; });
  }
  void step_ended(double waited) {
    timespec used{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    const std::lock_guard lock(mutex_);
    ended_.push_back(
        {now(), waited, static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec)});
  }

 private:
  struct Ended {
    double at = 0, waited = 0, processor = 0;
  };
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Ended> ended_;
  bool open_ = true;
};

/// Hands all to the program inside.
class Watched final : public Program {
 public:
  Watched(std::shared_ptr<Program> inside, std::shared_ptr<Watch> watch)
      : in_(std::move(inside)), watch_(std::move(watch)) {}
  std::int64_t steps() const override { return in_->steps(); }
  Moment moment(std::int64_t step) const override { return in_->moment(step); }
  int phases() const override { return in_->phases(); }
  int shards() const override { return in_->shards(); }
  int images_per_step() const override { return in_->images_per_step(); }
  int stages() const override { return in_->stages(); }
  double relative_seconds(int phase) const override { return in_->relative_seconds(phase); }
  double relative_bytes(int phase) const override { return in_->relative_bytes(phase); }
  std::optional<PhaseForecast> forecast(int phase) const override { return in_->forecast(phase); }
  std::uint64_t data_identity() const override { return in_->data_identity(); }
  Batch make_batch(std::int64_t step) const override { return in_->make_batch(step); }
  std::span<const std::shared_ptr<Replica>> replicas() override { return in_->replicas(); }
  BatchQueue& batches() override { return in_->batches(); }
  void enter(const Moment& moment) override { in_->enter(moment); }
  void begin_step(std::int64_t step) override {
    watch_->pass();
    const double began = now();
    in_->begin_step(step);
    waited_ = now() - began;
  }
  void compute(int stage, int shard, std::int64_t step) override { in_->compute(stage, shard, step); }
  int parts(int stage) const override { return in_->parts(stage); }
  bool holds_parts(int stage) const override { return in_->holds_parts(stage); }
  void finish(int stage, int shard, int part, std::int64_t step) override {
    in_->finish(stage, shard, part, step);
  }
  std::span<const Reduction> reductions(int stage) override { return in_->reductions(stage); }
  void update(int stage, int reduction, std::size_t begin, std::size_t end) override {
    in_->update(stage, reduction, begin, end);
  }
  void commit(std::int64_t step) override {
    in_->commit(step);
    watch_->step_ended(waited_);
  }
  void roll_back() override { in_->roll_back(); }
  std::vector<std::string> score_names() const override { return in_->score_names(); }
  double shard_score(int score, int shard) const override { return in_->shard_score(score, shard); }

 private:
  std::shared_ptr<Program> in_;
  std::shared_ptr<Watch> watch_;
  double waited_ = 0;
};

}  // namespace troupe::bench
