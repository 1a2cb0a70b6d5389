#pragma once
// A GAN of one size on a slice of its own: the program, the slice and the step loop of a real job, as the
// actor of a slice has them, without the actors.
#include <memory>
#include <thread>
#include <vector>

#include "gpu/cpu_slice.hpp"
#include "tests/gpu/check/step/world.hpp"
#include "train/gan/device/program.hpp"
#include "train/step_loop.hpp"

namespace troupe::cuda::check {

struct JobOptions {
  int size = 8;
  int batch = 16;  // images a step, one shard
  bool half_precision = false;
  std::vector<int> pieces;  // at first
  Bytes budget;
  double fade = 0;                 // share of the phase's steps that fade its layers in
  std::int64_t steps = 1'000'000;  // of the phase
};
JobConfig gan_config(const World& world, const JobOptions& options);

/// For the thread that makes it, which has entered the device. Throws ErrorException.
class Job {
 public:
  Job(const World& world, const JobOptions& options);
  ~Job();
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  /// The next `count` steps. The seconds of each, its end on the device included.
  std::vector<double> steps(std::int64_t count);
  struct Timed {
    double images = 0, seconds = 0;
  };
  /// Steps until so many seconds are over, at least one.
  Timed run_for(double seconds);
  /// Goes on at another step of the phase, counted from its first, without making those between.
  void skip_to(std::int64_t step);

  /// An edge, as DeviceSlice::take makes it. Returns its seconds, without the end of the step before it.
  double take(const std::vector<int>& pieces);
  /// What such an edge would have to make, made beside steps: any thread. Returns its seconds.
  double prepare(const std::vector<int>& pieces);
  /// Of the newest edge: graphs and LibTorch's kept memory given back.
  double renew_seconds() const;
  unsigned sms();  // in force

  std::int64_t committed() const { return committed_; }  // by the step loop's own count
  std::vector<std::uint64_t> hashes();                   // of parameters and optimiser state, one a network
  std::vector<float> parameters();                       // of all networks
  Bytes peak() const { return account_->peak(); }
  TorchHalfFacts half() const;
  double waited_seconds() { return program_->batches().waited_seconds(); }  // for batches

 private:
  class Watched;
  LoopEnd lease(std::int64_t end, StepControl& control, const std::function<void(const StepStats&)>& on_step);
  void load_from(std::int64_t step);

  std::shared_ptr<Driver> driver_;
  Bytes budget_;
  std::shared_ptr<Account> account_;
  const Watched* watched_ = nullptr;  // of the slice
  const GpuSlice* on_ = nullptr;      // it itself
  std::unique_ptr<DeviceSlice> slice_;
  std::shared_ptr<Collective> alone_;  // of the one rank there is
  std::shared_ptr<gan::DeviceProgram> program_;
  CpuSlice host_;
  std::int64_t first_ = 0, next_ = 0, committed_ = 0;
  std::jthread loader_;
};

}  // namespace troupe::cuda::check
