#include "actors/training_job.hpp"

#include "actors/files.hpp"
#include "actors/forecaster.hpp"
#include "actors/preparer.hpp"
#include "actors/replica.hpp"
#include "base/seconds.hpp"

namespace troupe {

void TrainingJob::start(Self self, JobArgs args) {
  self_ = self;
  args_ = std::move(args);
  name_exceptions(self);
  account_ = std::make_shared<Account>("job " + args_.config.name, args_.config.memory.value_or(Bytes{}));
  self->set_exit_handler([this](caf::exit_msg& m) { child_died(m); });
  started_at_ = args_.clock->now();
  tell(event(EventKind::job_submitted));
  push_status(true);
  // detached: it reads files
  auto builder_handle = self->spawn<caf::detached + caf::linked>(builder, progress_sink{self});
  children_[builder_handle.address()] = "builder";
  BuildProgram order{{args_.config, args_.runs, args_.build_threads, {}}, args_.factory};
  ask<Built>(builder_handle, std::move(order), [this, builder_handle](Built& built) {
    children_.erase(builder_handle.address());
    self_->unlink_from(builder_handle);
    self_->send_exit(builder_handle, caf::exit_reason::user_shutdown);
    prepare(built);
  });
  remind_of_checkpoint();
}

void TrainingJob::remind_of_checkpoint() {
  if (args_.config.checkpoint_seconds <= 0) return;
  self_->delayed_send(self_, microseconds(args_.config.checkpoint_seconds), CheckpointDue{});
}

void TrainingJob::prepare(Built& built) {
  if (built.outcome.error) return fail(*built.outcome.error);
  program_ = built.program;
  state_ = JobState::waiting;
  reason_ = "waits for its first slice";
  spawn_children();
  if (args_.resume)
    look_for_checkpoint();
  else
    open_losses(true);
}

void TrainingJob::spawn_children() {
  if (on_gpu())
    with_slice(0, [this](const slice_actor& slice) { spawn_replicas(slice); });
  else
    spawn_replicas({});
  // detached: syncs files
  checkpointer_ =
      adopt(self_->spawn<caf::detached>(checkpointer, args_.run / args_.config.name / "checkpoints",
                                        args_.config.checkpoint_keep),
            "checkpointer");
  // detached: computes
  forecaster_ =
      adopt(self_->spawn<caf::detached>(forecaster, on_gpu() ? nullptr : args_.rates), "forecaster");
  const auto& home = args_.nodes.begin()->second;
  ask<all_reduce_actor>(home, MakeAllReduce{args_.config.name},
                        [this](all_reduce_actor& a) { all_reduce_ = adopt(a, "all_reduce"); });
  ask<loader_actor>(home, MakeLoader{args_.config.name},
                    [this](loader_actor& a) { loader_ = adopt(a, "loader"); });
}

void TrainingJob::spawn_replicas(const slice_actor& on) {
  for (const auto& network : program_->replicas())
    // detached: grows, copies and samples its network (or waits for the slice that does), and writes files
    replicas_.push_back(
        adopt(self_->spawn<caf::detached>(replica, ReplicaArgs{network, account_, args_.thread_setup, on}),
              network->name()));
}

/// What a GPU slice's next share wants is made while steps go on: then the edge is a switch. A failure of
/// that shows at the edge.
void TrainingJob::assigned(const Assignment& m) {
  assignment_ = m;
  const bool ahead = prepare_ && ranks_running_ > 0 && !m.grants.empty() && !grants_.empty() &&
                     m.grants.front().node == gpu_here_ && grants_.front().node == gpu_here_ &&
                     m.grants.front().cores != grants_.front().cores;
  if (!ahead) {
    ask_edge();
    return next();
  }
  const auto& pieces = m.grants.front().cores;
  // detached: waits for the driver
  if (!preparer_) preparer_ = adopt(self_->spawn<caf::detached>(preparer), "preparer");
  ask_beside<Outcome>(preparer_, PrepareContexts{prepare_, pieces}, [this, pieces](Outcome&) {
    if (assignment_ && !assignment_->grants.empty() && assignment_->grants.front().cores == pieces)
      ask_edge();
  });
}

void TrainingJob::look_for_checkpoint() {
  ask<FoundCheckpoint>(checkpointer_, FindCheckpoint{}, [this](FoundCheckpoint& f) {
    if (f.outcome.error) return fail(*f.outcome.error);
    for (const auto& broken : f.skipped) {
      auto e = event(EventKind::checkpoint_skipped);
      e.text = broken.text();
      tell(std::move(e));
    }
    if (f.found) {
      if (!is_hash_of(f.found->manifest.config_hash, args_.config, program_->data_identity()))
        return fail({.code = ErrorCode::bad_config,
                     .what = "the checkpoint is of another configuration",
                     .where = f.found->dir.string(),
                     .hint = "resume with the run's own config.toml and data, or start a new run"});
      found_ = f.found;
      step_ = told_steps_ = checkpointed_ = saved_ = f.found->manifest.step;
      newest_checkpoint_ = f.found->dir.string();
    }
    look_for_copies();
  });
}

void TrainingJob::child_died(const caf::exit_msg& message) {
  const auto child = children_.find(message.source);
  if (child == children_.end()) {  // the supervisor: the cluster goes down
    if (!ended_) end(JobState::stopped);
    return;
  }
  const std::string who = child->second;
  children_.erase(child);
  if (ended_) return;
  fail({.code = ErrorCode::peer_failed,
        .what = who + " died: " + describe(message.reason),
        .where = "job " + args_.config.name});
}

void TrainingJob::fail(Error error) {
  if (!error_) error_ = std::move(error);
  abandon(error_->what);
  if (program_) program_->batches().close(*error_);
  next();
}

void TrainingJob::lost(const char* what, const caf::error& reason) {
  fail({.code = ErrorCode::peer_failed,
        .what = std::string(what) + " did not answer: " + describe(reason),
        .where = "job " + args_.config.name});
}

void TrainingJob::end(JobState state) {
  if (ended_) return;
  ended_ = true;
  state_ = state;
  if (has_state_) note_lease({});  // from here on no copy is worth waiting for
  flush_tally();
  grants_.clear();
  const auto kind = state == JobState::finished ? EventKind::job_finished
                    : state == JobState::failed ? EventKind::job_failed
                                                : EventKind::job_stopped;
  auto e = event(kind);
  e.text = error_ ? error_->text() : hash_;
  reason_ = error_ ? error_->what : std::string(state == JobState::finished ? "done" : "stopped");
  if (state != JobState::stopped)
    self_->send(args_.recorder,
                WriteResult{args_.config.name,
                            nlohmann::json{{"state", state == JobState::finished ? "finished" : "failed"},
                                           {"step", step_},
                                           {"hash", hash_},
                                           {"error", error_ ? e.text : std::string()}}
                                .dump(2)});
  tell(std::move(e));
  push_status(true);
  abandon("the job ended");
  if (program_) program_->batches().close({.code = ErrorCode::interrupted, .what = "the job ended"});
  for (const auto& [node, fellow] : fellows_)
    if (fellow.actor)  // the next head may still go on from what nobody went on from
      self_->send_exit(fellow.actor, returning_ && !error_ ? caf::exit_reason::remote_link_unreachable
                                                           : caf::exit_reason::user_shutdown);
  for (auto& promise : stops_)
    promise.deliver(Stopped{step_, {state == JobState::failed ? error_ : std::nullopt}});
  stops_.clear();
  for (auto& [node, promises] : std::exchange(leaving_, {}))
    for (auto& promise : promises) promise.deliver(Outcome{});
  for (const auto& [address, who] : children_) {
    auto child = caf::actor_cast<caf::actor>(address);
    self_->unlink_from(child);
    self_->send_exit(child, caf::exit_reason::user_shutdown);
  }
  self_->quit();
}

job_actor::behavior_type TrainingJob::behavior() {
  return {
      [this](const Assignment& m) { assigned(m); },
      [this](const Waiting& m) {
        wanted_cores_ = m.wanted_cores;
        if (reason_ == m.reason) return;
        reason_ = m.reason;
        if (grants_.empty()) tell(event(EventKind::job_waiting));
        push_status(grants_.empty());  // while it waits nothing else would tell
      },
      [this](const StepsDone& m) { steps_done(m); },
      [this](const BuildProgress& m) {
        reason_ = m.stage + " " + std::to_string(m.done) + " of " + std::to_string(m.total);
        push_status(false);
      },
      [this](const CheckpointDue&) {
        checkpoint_due_ = has_state_;
        if (has_state_ && !checkpoint_writing_) ask_edge();
        remind_of_checkpoint();
      },
      [this](const NodeLost& m) { node_lost(m); },
      [this](const LeaveNode& m) { return leave_node(m); },
      [this](const SilenceOver& m) { silence_over(m.node); },
      [this](const StopJob&) -> caf::result<Stopped> {
        auto promise = self_->make_response_promise<Stopped>();
        stops_.push_back(promise);
        ask_edge();
        next();
        return promise;
      },
  };
}

job_actor::behavior_type training_job(job_actor::stateful_pointer<TrainingJob> self, JobArgs args) {
  self->state.start(self, std::move(args));
  return self->state.behavior();
}

}  // namespace troupe
