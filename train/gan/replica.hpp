#pragma once
// One network's state: raw parameters, Adam's second moment and, of a generator, the moving average, in flat
// buffers, each twice. An update reads the committed side and writes the other; a commit swaps them, a
// roll-back forgets the other. So a step was committed or never happened.
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

#include "train/gan/kernels.hpp"
#include "train/gan/topology.hpp"
#include "train/program.hpp"

namespace troupe::gan {

/// Cache-line aligned, so that no kernel reads across two lines where it need not.
template <class T>
struct LineAllocator {
  using value_type = T;
  LineAllocator() = default;
  template <class U>
  LineAllocator(const LineAllocator<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new (n * sizeof(T), std::align_val_t{64})); }
  void deallocate(T* p, std::size_t) { ::operator delete (p, std::align_val_t{64}); }
  friend bool operator==(const LineAllocator&, const LineAllocator&) { return true; }
};
using Floats = std::vector<float, LineAllocator<float>>;

struct ReplicaSettings {
  std::string name;  // "generator0", "discriminator"
  NetShape shape;
  int generator = -1;  // its number; -1: the critic
  std::int64_t seed = 1;
  double learning_rate = 1.5e-3, beta2 = 0.99, average = 0.999;
  std::vector<std::int64_t> phase_first;  // first step of each phase: where its layers' Adam starts counting
};

class GanReplica final : public Replica {
 public:
  explicit GanReplica(ReplicaSettings settings);

  std::string name() const override { return settings_.name; }
  void enter(const Moment& moment) override;
  std::uint64_t hash() const override;
  std::int64_t parameters() const override { return phase_ < 0 ? 0 : table_.parameters(phase_); }
  std::shared_ptr<const Snapshot> snapshot() const override;
  Result<void> restore(const std::filesystem::path& file, const Moment& moment) override;
  std::vector<std::span<std::byte>> state() override;
  void adopt() override;
  bool makes_images() const override { return settings_.generator >= 0; }
  Result<std::vector<Image>> sample(int count, std::int64_t seed, const Moment& moment) const override;

  const ParamTable& table() const { return table_; }
  int phase() const { return phase_; }
  std::size_t size() const { return sides_[0].p.size(); }
  /// Raw parameters of the committed side.
  const Floats& raw() const { return sides_[committed_].p; }
  /// For tests and comparisons: other parameters, as if they had always been there.
  void set_raw(std::span<const float> values);

  /// What the networks read, brought up to date with the last update or roll-back by whoever asks first.
  /// Thread-safe among readers; updates happen between reads (the step's barriers see to that).
  const float* effective();
  /// Elements [begin, end) of step `step`, from gradient `g` (the whole flat buffer). Thread-safe on disjoint
  /// ranges.
  void update(const float* g, std::size_t begin, std::size_t end, std::int64_t step);
  /// What update() does to the parameters that `phase` introduced.
  AdamStep adam_step(int phase, std::int64_t step) const;
  void commit();
  void roll_back();

 private:
  struct Side {
    Floats p, v, e;  // parameters, second moment, moving average
  };
  struct Saved;
  void grow(int phase);
  void initialise(const Param& param, float* out) const;
  Result<void> load(const std::filesystem::path& file, const Moment& moment);

  ReplicaSettings settings_;
  ParamTable table_;
  int phase_ = -1;
  Side sides_[2];
  int committed_ = 0;
  std::atomic<bool> pending_{false}, stale_{true};
  std::mutex mutex_;
  Floats effective_;
};

}  // namespace troupe::gan
