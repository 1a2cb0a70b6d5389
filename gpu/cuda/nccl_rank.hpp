#pragma once
// One device's end of its job's sums: ReduceMachine's actions done with NCCL. The shell of an actor that owns
// a thread.
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "gpu/cuda/nccl.hpp"
#include "gpu/cuda/reduce_machine.hpp"

namespace troupe::cuda {

struct ReduceSum {
  /// Gives the work to the stream. Comes back at once.
  std::function<Result<void>(Nccl& nccl, Comm comm)> launch;
  /// Whether the device is done with it (an event on the stream).
  std::function<Result<bool>()> done;
  /// Once, from poll() or the call that made it fail.
  std::function<void(Result<void>)> report;
};

struct ReduceWatch {
  std::function<void(const reduce::Formed&)> formed;
  std::function<void(const reduce::AskRebuild&)> ask_rebuild;
};

/// All calls from one thread. Nothing here waits: poll() is to be called until nothing is under way, at the
/// latest by deadline().
class NcclRank {
 public:
  /// Runs its argument on another thread, since an abort may hang; may outlive this object.
  using Detached = std::function<void(std::function<void()>)>;

  NcclRank(std::shared_ptr<Nccl> nccl, ReduceLimits limits, Detached detached, ReduceWatch watch);
  /// Aborts what is there; sums in flight are reported as interrupted.
  ~NcclRank();
  NcclRank(const NcclRank&) = delete;
  NcclRank& operator=(const NcclRank&) = delete;

  void rebuild(const Group& group, double now);
  void lost(const reduce::Lost& lost, double now);
  void start(ReduceSum sum, double now);
  void poll(double now);
  void stop(double now);

  ReduceMachine::State state() const noexcept { return machine_.state(); }
  std::int64_t epoch() const noexcept { return machine_.epoch(); }
  std::optional<double> deadline() const noexcept { return machine_.deadline(); }
  /// Communicators that were given up without having been freed. Above 0 the process should end with its job.
  int abandoned() const noexcept { return abandoned_; }

 private:
  struct Mail {  // from the detached threads
    std::mutex mutex;
    std::vector<reduce::Event> events;
  };
  void step(const reduce::Event& event, double now);
  void act(const reduce::Init& a);
  void act(const reduce::Shrink& a);
  void act(const reduce::Launch& a);
  void act(const reduce::Abort& a);
  void act(const reduce::Abandon& a);
  void act(const reduce::Report& a);
  void act(const reduce::Formed& a);
  void act(const reduce::AskRebuild& a);
  void opened(int comm, Result<Comm> made);

  std::shared_ptr<Nccl> nccl_;
  ReduceMachine machine_;
  Detached detached_;
  ReduceWatch watch_;
  std::shared_ptr<Mail> mail_ = std::make_shared<Mail>();
  std::map<int, Comm> comms_;  // that are neither aborted nor abandoned
  std::map<std::int64_t, ReduceSum> sums_;
  std::int64_t last_sum_ = 0;
  std::vector<reduce::Event> own_;  // what is to be stepped through, and what that gave rise to
  bool busy_ = false;
  int abandoned_ = 0;
};

}  // namespace troupe::cuda
