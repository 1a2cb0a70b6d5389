#pragma once
// The stock conductor: runs any Program. conductor.hpp decides, this acts.
#include <caf/typed_response_promise.hpp>
#include <functional>
#include <map>

#include "actors/common.hpp"
#include "actors/conductor.hpp"
#include "base/log.hpp"

namespace troupe {

struct JobArgs {
  JobConfig config;
  std::filesystem::path run;   // the run's folder; the job's is run / name
  std::filesystem::path runs;  // where pyramids are kept
  ProgramFactory factory;      // empty: the plugin's
  bool resume = false;
  supervisor_actor supervisor;
  recorder_actor recorder;
  predictor_actor predictor;
  std::map<std::string, node_actor> nodes;
  std::function<void()> thread_setup;
  SharedClock clock;
  int build_threads = 1;
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
  void write_checkpoint(std::int64_t step, std::filesystem::path folder);
  void not_saved(std::int64_t step, const Error& why);
  void finish();
  void tell_demand();
  void apply();
  void restore();
  void enter();

  // leases (training_job_lease.cpp)
  void run();
  void with_slice(std::size_t index, std::function<void(const slice_actor&)> use);
  bool team_stands();
  void phase_entered();
  void lease_ended();
  void step_failed(const Error& error);
  void steps_done(const StepsDone& m);
  void measure();

  // telling (training_job_report.cpp)
  void tell(Event event);
  void flush_tally();
  void push_status(bool now);
  void resize_in_force(double first_shard_at);
  Event event(EventKind kind) const;
  JobStatus status() const;
  Bytes budget() const;
  int cores() const;

  /// Fails the job over an actor that is gone; what: "a slice".
  void lost(const char* what, const caf::error& reason);
  /// Edge work: no step runs before the answer is there. An error of the actor asked fails the job.
  template <class R, class Handle, class Message, class F>
  void ask(const Handle& whom, Message message, F on_reply);
  /// The same to every network.
  template <class R, class Message, class F>
  void ask_replicas(const Message& message, F on_reply);
  /// Work beside the steps.
  template <class R, class Handle, class Message, class F>
  void ask_beside(const Handle& whom, Message message, F on_reply);

  Self self_ = nullptr;
  JobArgs args_;
  std::shared_ptr<Program> program_;
  std::shared_ptr<Account> account_;
  std::shared_ptr<StepControl> control_ = std::make_shared<StepControl>();

  std::vector<slice_actor> slices_;
  std::vector<replica_actor> replicas_;
  std::map<caf::actor_addr, std::string> children_;
  all_reduce_actor all_reduce_;
  loader_actor loader_;
  checkpointer_actor checkpointer_;
  std::vector<std::shared_ptr<Collective>> group_;

  JobState state_ = JobState::preparing;
  std::string reason_ = "opens its data";
  int wanted_cores_ = 0;
  std::optional<Error> error_;
  std::vector<Grant> grants_;
  std::optional<Assignment> assignment_;
  int asking_ = 0;         // edge work under way
  int ranks_running_ = 0;  // slices inside a lease
  std::vector<LoopEnd> ends_;
  std::int64_t step_ = 0, checkpointed_ = -1;
  std::int64_t told_steps_ = 0;  // committed so far, as reported inside a lease
  std::optional<CheckpointStore::Found> found_;
  std::optional<Moment> entered_;  // the moment at which the networks entered their phase
  bool phase_over_ = false, demand_told_ = false, has_state_ = false, loading_ = false, ended_ = false;
  bool checkpoint_due_ = false, checkpoint_writing_ = false, roll_back_ = false;
  bool checkpoint_last_ = false;  // the one being written holds the job's last state
  Bytes memory_floor_;            // after a refusal: ask for at least this much
  std::optional<Error> refused_;  // an allocation past the budget; more is being asked for
  Bytes short_of_;                // the budget that did not suffice
  bool finishing_ = false;
  std::vector<std::uint64_t> hashes_;

  // figures
  Tally tally_, phase_tally_;
  double flushed_at_ = 0, pushed_at_ = 0, phase_began_ = 0, step_seconds_ = 0, busy_seconds_ = 0;
  int measured_steps_ = 0;
  bool measured_before_ = false;  // in this phase, at this size
  double measured_seconds_ = 0, measured_serial_ = 0;
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
// -------------------------------------------------------------------------------------------------------
template <class R, class Handle, class Message, class F>
void TrainingJob::ask(const Handle& whom, Message message, F on_reply) {
  ++asking_;
  self_->request(whom, caf::infinite, std::move(message))
      .then(
          [this, on_reply](R& reply) {
            on_reply(reply);
            --asking_;
            next();
          },
          [this](caf::error& e) {
            --asking_;
            lost("an actor of the job", e);
          });
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
