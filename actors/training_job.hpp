#pragma once
// The stock conductor: runs any Program. conductor.hpp decides, this acts.
#include <caf/typed_response_promise.hpp>
#include <functional>
#include <limits>
#include <map>
#include <set>

#include "actors/common.hpp"
#include "actors/conductor.hpp"
#include "base/log.hpp"
#include "predict/rates_file.hpp"

namespace troupe {

/// Of an account that no slice bounds.
constexpr Bytes kNoWall{std::numeric_limits<std::int64_t>::max()};

struct JobArgs {
  JobConfig config;
  std::filesystem::path run;   // the run's folder; the job's is run / name
  std::filesystem::path runs;  // where pyramids are kept
  ProgramFactory factory;      // empty: the plugin's
  bool resume = false;
  supervisor_actor supervisor;
  recorder_actor recorder;
  predictor_actor predictor;
  std::map<std::string, node_actor> nodes;      // this process's own: one
  std::map<std::string, MakeDeviceSlice> gpus;  // of this process, by name as a node's
  std::function<void()> thread_setup;
  SharedClock clock;
  int build_threads = 1;
  std::shared_ptr<DataPlane> plane;  // null: other nodes can't take part
  PeerAddress address;               // of this process's data plane
  /// Numbers of leases, each larger than all before it, of all jobs; their groups' channels bear them too.
  std::shared_ptr<std::atomic<std::int64_t>> epochs;
  double failure_timeout_seconds = 30;
  std::string run_id;
  std::shared_ptr<RatesSource> rates;  // of this machine; null: none
};

/// Where a copy of the job stands.
struct CopyPlace {
  std::int64_t step = -1;     // committed steps that it holds; -1: none is known
  std::int64_t entered = -1;  // a step of the phase that its networks stand in
  bool holds(std::int64_t wanted) const { return step == wanted && entered >= 0; }
};

/// A node's copy of the job, as the conductor knows it.
struct Fellow {
  follower_actor actor;
  PeerAddress address;
  bool open = false;    // its program is built
  bool leased = false;  // in the lease that runs
  CopyPlace place;
  Bytes held, peak;
  /// Of a GPU, in force; without a node: it is on none. Nobody knows at first.
  std::optional<Grant> share;
};

/// What a head that was started again knows of the job before it goes on.
struct Return {
  std::int64_t rows = 0;          // in the file
  std::vector<LeaseNote> leases;  // that were given out
  bool damaged = false;           // nobody knows which
  int left = 0;                   // nodes that are waited for
  std::vector<HeldCopy> copies;   // that came back
  std::optional<GoOn> choice;     // whose rows are being fetched
  std::vector<StepStats> fetched;
};

/// Sums over committed steps that no event has told yet.
struct Tally {
  std::int64_t steps = 0, bytes = 0;  // bytes: read and written by reductions
  double seconds = 0, shard = 0, reduce = 0, update = 0, wait = 0;
  std::vector<Score> scores;  // sums
  void add(const StepStats& s);
};

class TrainingJob {
 public:
  using Self = job_actor::stateful_pointer<TrainingJob>;
  const char* name = "job";

  void start(Self self, JobArgs args);
  job_actor::behavior_type behavior();

 private:
  // preparing (training_job.cpp)
  void prepare(Built& built);
  void spawn_children();
  void spawn_replicas(const slice_actor& on);
  template <class Handle>
  Handle adopt(const Handle& child, const std::string& what);
  void look_for_checkpoint();
  void remind_of_checkpoint();
  void fail(Error error);
  void child_died(const caf::exit_msg& message);
  void end(JobState state);

  // the edge (training_job_edge.cpp)
  void next();
  EdgeView view() const;
  void act(EdgeAction action);
  void draw_phase();
  void snapshot();
  void write_checkpoint(std::int64_t step, const std::filesystem::path& folder);
  void not_saved(std::int64_t step, const Error& why);
  void finish();
  void tell_demand();
  DemandChanged changed(Demand demand, std::int64_t step) const;
  void look_ahead();
  void forecast_told(const Moment& of, const Forecast& forecast);
  void apply();
  void assigned(const Assignment& assignment);
  void in_place(const Assignment& assignment, int before);
  void restore();
  void enter();

  // on a GPU, of this node or of another (training_job_gpu.cpp)
  void take_share(const Assignment& assignment, int before);
  void take_share_here(const Assignment& assignment, int before);
  void share_there(const std::string& node, const Grant& share, const std::function<void()>& then);
  void share_told(const std::string& node, const Grant& share, const ShareTaken& taken);
  bool shares_stand();
  Grant share_of(const std::string& node) const;

  // after a head's end (training_job_return.cpp)
  void look_for_copies();
  void await_copy(const std::string& node, double seconds);
  void find_copy(const std::string& node, const FoundNode& found);
  void ask_copy(const std::string& node);
  void copy_told(const std::string& node, const FollowerOpened& opened);
  void one_returned();
  void weigh_copies();
  void fetch_rows();
  void rows_fetched(TailRows rows);
  void go_on_from_copy();
  void go_on_from_checkpoint();
  void open_losses(bool fresh);

  // leases (training_job_lease.cpp)
  void run();
  void with_slice(std::size_t index, const std::function<void(const slice_actor&)>& use);
  bool team_stands();
  void phase_entered();
  std::vector<std::string> worth_waiting_for() const;
  void note_lease(std::vector<std::string> nodes);
  void run_here(const std::vector<ShardRun>& runs);
  void load();
  void rank_ended();
  void lease_ended();
  void step_failed(const Error& error);
  void ask_edge();
  void abandon(const std::string& why);

  // copies on other nodes (training_job_copies.cpp)
  const std::string& home() const { return args_.nodes.begin()->first; }
  bool on_gpu() const { return args_.config.gpu == GpuUse::require; }
  /// What is learned of a kind of job on CPUs says nothing of it on a GPU.
  std::string learned_kind() const { return args_.config.kind + (on_gpu() ? "@gpu" : ""); }
  std::size_t ranks_on(const std::string& node) const;
  std::vector<std::string> other_nodes() const;  // of the grants, in the order of ranks
  void order_grants();
  bool fellows_stand();
  void find_fellow(const std::string& node);
  void open_fellow(const std::string& node);
  bool copies_stand();
  void bring_here();
  void enter_home_at_start();
  std::optional<std::string> holder() const;
  bool behind() const { return has_state_ && !found_ && here_.step != step_; }
  CopyPlace& place_of(const std::string& node);
  void fall_back();
  void keep_one_holder();
  void start_over();
  void move_state(const std::string& from, const std::string& to);
  void run_there(const std::vector<ShardRun>& runs);
  NodeGroupOptions group_of_lease() const;
  void fellow_ended(const std::string& node, LeaseEnd end);
  void recovered();
  void tell_untold(std::vector<StepStats> untold);
  void node_trouble(const Error& cause);
  void node_lost(const NodeLost& m);
  caf::result<Outcome> leave_node(const LeaveNode& m);
  void leave();
  bool strip_node(const std::string& node);
  void node_silent(const std::string& node);
  void silence_over(const std::string& node);
  courier_actor& courier();
  Bytes budget_on(const std::string& node) const;
  Bytes held() const;
  Bytes peak() const;
  void steps_done(const StepsDone& m);
  void measure();
  void steps_seen(std::vector<double> seconds, double waiting);

  // telling (training_job_report.cpp)
  void tell(Event event);
  void flush_tally();
  void tell_slices();
  void note_in_force();
  std::optional<SliceGauge> gauge_of(const std::string& node) const;
  void push_status(bool now);
  void resize_in_force(double first_shard_at);
  Event event(EventKind kind) const;
  JobStatus status() const;
  double steps_left(std::int64_t from) const;
  Bytes budget() const;
  Bytes wall() const;  // in force: a parked job keeps what it holds
  int cores() const;

  /// Fails the job over an actor that is gone; what: "a slice".
  void lost(const char* what, const caf::error& reason);
  /// Edge work: no step runs before the answer is there. An error of the actor asked fails the job.
  template <class R, class Handle, class Message, class F>
  void ask(const Handle& whom, Message message, F on_reply);
  /// The same to every network.
  template <class R, class Message, class F>
  void ask_replicas(const Message& message, F on_reply);
  /// Edge work on another node: an answer that does not come makes the job wait for the supervisor's word on
  /// that node.
  template <class R, class Handle, class Message, class F>
  void ask_node(const std::string& node, const Handle& whom, Message message, F on_reply);
  template <class R, class Handle, class Message, class F, class G>
  void ask_or(const Handle& whom, Message message, F on_reply, G on_error);
  /// Work beside the steps.
  template <class R, class Handle, class Message, class F>
  void ask_beside(const Handle& whom, Message message, F on_reply);

  Self self_ = nullptr;
  JobArgs args_;
  std::shared_ptr<Program> program_;
  std::shared_ptr<Account> account_;
  std::shared_ptr<StepControl> control_ = std::make_shared<StepControl>();

  std::vector<slice_actor> slices_;
  std::vector<std::shared_ptr<BusyMeter>> meters_;  // of them
  std::vector<replica_actor> replicas_;
  std::map<caf::actor_addr, std::string> children_;
  all_reduce_actor all_reduce_;
  loader_actor loader_;
  checkpointer_actor checkpointer_;
  forecaster_actor forecaster_;
  preparer_actor preparer_;  // once it was needed
  courier_actor courier_;
  std::vector<std::shared_ptr<Collective>> group_;
  std::int64_t group_epoch_ = -1;  // of the lease that group_ was formed for, where it spans nodes

  std::string gpu_here_;     // that the slice here has a share of
  CopyPlace here_;           // the copy of this process
  int shards_phase_ = -1;    // the phase that its shard buffers are of
  std::int64_t loads_ = -1;  // the step that its loader comes to next
  std::map<std::string, Fellow> fellows_;
  /// Nodes that are to be left at the next edge, and who waits for it.
  std::map<std::string, std::vector<caf::typed_response_promise<Outcome>>> leaving_;
  std::set<std::string> silent_;  // nodes that did not answer: the supervisor will say what they are
  std::int64_t epoch_ = 0;        // of the newest lease
  bool epoch_is_new_ = false;     // no lease ran in it yet
  bool begun_ = false;            // the step that failed here: it is to be rolled back
  int troubles_ = 0;              // leases without a step, one after the other, for a node's sake
  std::int64_t trouble_step_ = -1;
  std::optional<double> lost_at_;  // when a node was lost, until a step is done without it
  std::vector<StepStats> untold_;

  JobState state_ = JobState::preparing;
  std::string reason_ = "opens its data";
  int wanted_cores_ = 0;
  std::optional<Error> error_;
  std::vector<Grant> grants_;
  std::optional<Assignment> assignment_;
  int asking_ = 0;              // edge work under way
  int ranks_running_ = 0;       // slices inside a lease
  std::optional<Error> cause_;  // of the lease's end
  std::int64_t step_ = 0, checkpointed_ = -1;
  std::int64_t told_steps_ = 0;  // committed so far, as reported inside a lease
  std::int64_t saved_ = 0;       // loss rows before this step are on disk
  std::optional<Return> returning_;
  std::optional<CheckpointStore::Found> found_;
  std::optional<Moment> entered_;  // the moment at which the networks entered their phase
  bool phase_over_ = false, demand_told_ = false, has_state_ = false, ended_ = false;
  bool checkpoint_due_ = false, checkpoint_writing_ = false;
  bool checkpoint_last_ = false;            // the one being written holds the job's last state
  std::map<int, PhaseQuestion> questions_;  // of phases that are forecast
  Bytes memory_floor_;                      // after a refusal: ask for at least this much
  std::optional<Error> refused_;            // an allocation past the budget; more is being asked for
  Bytes short_of_;                          // the budget that did not suffice
  bool finishing_ = false;
  std::vector<std::uint64_t> hashes_;

  // figures
  Tally tally_, phase_tally_;
  double started_at_ = 0, flushed_at_ = 0, pushed_at_ = 0, phase_began_ = 0, step_seconds_ = 0;
  std::map<std::string, SliceGauge> gauges_;                         // of other nodes' slices, as last told
  std::map<std::pair<std::string, std::size_t>, double> busy_seen_;  // by node and rank there
  std::vector<double> busy_;                                         // by slice, all that bore its name
  std::vector<int> in_force_;                                        // cores of each slice
  unsigned sms_ = 0;                                                 // of a GPU, in force
  PrepareShare prepare_;                                             // of the slice of a GPU, once it has one
  int measured_steps_ = 0;
  bool measured_before_ = false;  // in this phase, at this size
  double measured_seconds_ = 0, measured_serial_ = 0;
  int peak_cores_ = 1;                    // most that were at work since the peak is counted
  std::optional<Prediction> first_told_;  // since the tally was last flushed
  Prediction predicted_;
  std::vector<JobStatus::PhaseRow> phases_;
  std::vector<Score> last_scores_;
  std::int64_t resizes_ = 0;
  double edge_at_ = 0;  // when the last lease ended
  std::optional<double> decided_at_;
  std::string newest_checkpoint_, hash_;
  std::vector<caf::typed_response_promise<Stopped>> stops_;
};

/// Spawned by the supervisor, event-based.
job_actor::behavior_type training_job(job_actor::stateful_pointer<TrainingJob> self, JobArgs args);

// ---- templates
template <class Handle>
Handle TrainingJob::adopt(const Handle& child, const std::string& what) {
  children_[child.address()] = what;
  self_->link_to(child);
  return child;
}

template <class R, class Handle, class Message, class F>
void TrainingJob::ask(const Handle& whom, Message message, F on_reply) {
  ask_or<R>(whom, std::move(message), on_reply, [this](const caf::error& e) {
    --asking_;
    lost("an actor of the job", e);
  });
}

template <class R, class Handle, class Message, class F>
void TrainingJob::ask_node(const std::string& node, const Handle& whom, Message message, F on_reply) {
  ask_or<R>(whom, std::move(message), on_reply, [this, node](const caf::error&) {
    node_silent(node);
    --asking_;
    next();
  });
}

template <class R, class Handle, class Message, class F, class G>
void TrainingJob::ask_or(const Handle& whom, Message message, F on_reply, G on_error) {
  ++asking_;
  self_->request(whom, caf::infinite, std::move(message))
      .then(
          [this, on_reply](R& reply) {
            on_reply(reply);
            --asking_;
            next();
          },
          [on_error](caf::error& e) { on_error(e); });
}

template <class R, class Message, class F>
void TrainingJob::ask_replicas(const Message& message, F on_reply) {
  for (std::size_t i = 0; i < replicas_.size(); ++i)
    ask<R>(replicas_[i], message, [on_reply, i](R& reply) { on_reply(i, reply); });
}

template <class R, class Handle, class Message, class F>
void TrainingJob::ask_beside(const Handle& whom, Message message, F on_reply) {
  self_->request(whom, caf::infinite, std::move(message))
      .then([on_reply](R& reply) { on_reply(reply); },
            [this](caf::error& e) { lost("an actor of the job", e); });
}

}  // namespace troupe
