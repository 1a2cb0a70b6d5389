#pragma once
// A node's own copy of a job: its program, its slices, its state; runs leases as the head's conductor says.
#include <caf/typed_response_promise.hpp>
#include <functional>

#include "actors/common.hpp"
#include "actors/row_tail.hpp"
#include "gpu/account.hpp"
#include "gpu/device_slice.hpp"
#include "gpu/devices.hpp"
#include "gpu/process_sum.hpp"

namespace troupe {

/// What every copy of a job on this node is made with.
struct FollowerArgs {
  std::string node;
  std::filesystem::path runs;  // where pyramids are kept
  std::map<std::string, ProgramFactory> kinds;
  std::shared_ptr<const CpuDevice> device;
  std::shared_ptr<DataPlane> plane;
  std::function<void()> thread_setup;
  std::function<void(const StepsDone&)> tell;  // of committed steps, where rank 0 is here
  SharedClock clock;
  double failure_timeout_seconds = 30;
  MakeProcessSum make_fast;  // none: no fast sums over processes
  std::vector<GpuDevice> gpus;
};

/// What the copy's owner on this node talks to: the interface of the design, and what its own children send.
using hosted_follower_actor = follower_actor::extend<caf::reacts_to<StepsDone>, caf::reacts_to<BuildProgress>,
                                                     caf::reacts_to<HeadGone>>;

class Follower {
 public:
  using Self = hosted_follower_actor::stateful_pointer<Follower>;
  const char* name = "follower";

  void start(Self self, FollowerArgs args);
  hosted_follower_actor::behavior_type behavior();

 private:
  caf::result<FollowerOpened> open(const OpenFollower& m);
  void forget();
  void build(const JobConfig& config);
  void built(Built& m);
  void spawn_children();
  caf::result<LeaseEnd> lease(const FollowLease& m);
  caf::result<Outcome> move_state(const MoveState& m);
  bool on_gpu() const { return config_.gpu == GpuUse::require; }
  caf::result<ShareTaken> share(const HoldShare& m);
  void leave_gpu();
  void share_taken(const HoldShare& m, ShareTaken& taken);
  std::string unfit(const FollowLease& m) const;
  void make_slices(std::size_t ranks);
  Result<std::vector<std::shared_ptr<Collective>>> form_group();
  void enter_phase();
  void start_ranks();
  void load();
  void rank_ended(std::size_t rank, SliceEnd end);
  void stop(const StopLease& m);
  void ended();
  void give_up(const Error& error);
  void answer(std::optional<Error> error);
  FollowerOpened place() const;
  TailRows rows(const AskRows& m) const;
  void steps_done(const StepsDone& m);
  SliceGauge gauge() const;
  Error lost(const char* what, const caf::error& reason) const;

  Self self_ = nullptr;
  FollowerArgs args_;
  JobConfig config_;
  std::shared_ptr<Program> program_;
  std::shared_ptr<Account> account_;
  std::shared_ptr<StepControl> control_ = std::make_shared<StepControl>();
  builder_actor builder_;
  courier_actor courier_;
  loader_actor loader_;
  std::vector<slice_actor> slices_;
  std::vector<std::shared_ptr<BusyMeter>> meters_;  // of them
  double gauged_at_ = 0;                            // clock seconds at which they were told of
  std::vector<std::shared_ptr<Collective>> ends_;
  std::string gpu_;        // that its slice has a share of; empty: none
  bool headless_ = false;  // nobody orders anything now

  std::int64_t epoch_ = 0;     // of the newest lease
  std::int64_t fence_ = 0;     // of the newest order to open: leases below it are of a head that was replaced
  std::int64_t newest_ = 0;    // steps that the job ever took, as last heard
  std::int64_t step_ = -1;     // committed steps that the networks hold; -1: they hold nothing
  std::int64_t entered_ = -1;  // a step of the phase that they stand in
  int shards_phase_ = -1;      // the phase that the shard buffers are of
  std::int64_t copy_epoch_ = 0, copy_first_ = -1;  // what the copy is of: see HeldCopy
  RowTail tail_;
  bool tells_ = false;       // the lease's rank 0 is here
  std::int64_t loads_ = -1;  // the step that the loader comes to next
  std::optional<FollowLease> lease_;
  caf::typed_response_promise<LeaseEnd> lease_promise_;
  std::vector<caf::typed_response_promise<FollowerOpened>> opening_;
  std::size_t running_ = 0;
  bool begun_ = false;          // the step that failed: it is to be rolled back
  std::optional<Error> error_;  // of the lease
  std::vector<StepStats> untold_;
};

hosted_follower_actor::behavior_type follower(hosted_follower_actor::stateful_pointer<Follower> self,
                                              FollowerArgs args);

}  // namespace troupe
