#include "actors/follower.hpp"

#include "actors/conductor.hpp"
#include "actors/courier.hpp"
#include "actors/files.hpp"
#include "actors/loader.hpp"
#include "actors/slice.hpp"
#include "base/times.hpp"

namespace troupe {
namespace {

constexpr double kGaugeSeconds = 1;

}  // namespace

void Follower::start(Self self, FollowerArgs args) {
  self_ = self;
  args_ = std::move(args);
  name_exceptions(self);
  self->set_exit_handler([this](caf::exit_msg& m) {
    control_->abandon();
    for (const auto& rank : ends_) rank->abort("the node's copy of the job goes");
    if (program_)
      program_->batches().close({.code = ErrorCode::interrupted, .what = "the job left this node"});
    self_->quit(m.reason);  // children are linked
  });
}

Error Follower::lost(const char* what, const caf::error& reason) const {
  return {.code = ErrorCode::internal,
          .what = std::string(what) + " did not answer: " + describe(reason),
          .where = "node " + args_.node + ", job " + config_.name};
}

FollowerOpened Follower::place() const {
  return {step_, entered_, {}, copy_epoch_, copy_first_, tail_.from(), std::min(tail_.to(), step_)};
}

TailRows Follower::rows(const AskRows& m) const {
  constexpr std::size_t kRowsInAMessage = 1024;
  return {tail_.rows(m.from, std::min(m.to, step_), kRowsInAMessage), {}};
}

void Follower::steps_done(const StepsDone& m) {
  for (const auto& step : m.steps) tail_.append(step);
  StepsDone told;
  if (tells_) told.steps = m.steps;
  if (const double now = args_.clock->now(); lease_ && now - gauged_at_ >= kGaugeSeconds) {
    gauged_at_ = now;
    told.gauge = gauge();
  }
  if (tells_ || told.gauge) args_.tell(told);
}

SliceGauge Follower::gauge() const {
  SliceGauge all{args_.node, account_->held(), account_->peak(), {}};
  for (std::size_t rank = 0; rank < lease_->cores.size(); ++rank)
    all.busy_seconds.push_back(meters_[rank]->load(std::memory_order_relaxed));
  return all;
}

caf::result<FollowerOpened> Follower::open(const OpenFollower& m) {
  if (program_ && config_hash(m.config) != config_hash(config_))
    return FollowerOpened{-1,
                          -1,
                          {Error{.code = ErrorCode::bad_usage,
                                 .what = "the node holds another job of that name",
                                 .where = "node " + args_.node + ", job " + config_.name}},
                          0,
                          -1,
                          0,
                          0};
  if (m.epoch <= epoch_ || m.epoch < fence_)
    return FollowerOpened{-1,
                          -1,
                          {Error{.code = ErrorCode::bad_usage,
                                 .what = "an order of an older head than the one that the copy is of",
                                 .where = "node " + args_.node + ", job " + config_.name}},
                          0,
                          -1,
                          0,
                          0};
  fence_ = m.epoch;
  auto promise = self_->make_response_promise<FollowerOpened>();
  if (lease_) stop({.abandon = true});  // of a conductor that is gone: nobody waits for its ranks' timeouts
  opening_.push_back(promise);
  newest_ = m.newest;
  if (lease_ || builder_) return promise;
  if (!program_ || step_ > newest_)
    build(m.config);
  else
    answer({});
  return promise;
}

/// The copy is of another run of this job.
void Follower::forget() {
  program_->batches().close({.code = ErrorCode::interrupted, .what = "the copy is of another run"});
  const auto end = [this](const auto& child) {
    self_->unlink_from(child);
    self_->send_exit(child, caf::exit_reason::user_shutdown);
  };
  for (const auto& one : std::exchange(slices_, {})) end(one);
  gpu_.clear();
  meters_.clear();
  end(std::exchange(courier_, nullptr));
  end(std::exchange(loader_, nullptr));
  program_.reset();
  step_ = entered_ = loads_ = -1;
  copy_first_ = -1;
  copy_epoch_ = 0;
  tail_.stand_at(0);
  tail_.drop_before(tail_.to());
  shards_phase_ = -1;
}

void Follower::build(const JobConfig& config) {
  if (program_) forget();
  config_ = config;
  account_ = std::make_shared<Account>("job " + config_.name + " on " + args_.node,
                                       config_.memory.value_or(Bytes{}));
  // detached: it reads files
  builder_ = self_->spawn<caf::detached + caf::linked>(builder, progress_sink{self_});
  const auto kind = args_.kinds.find(config_.kind);
  BuildProgram order{{config_, args_.runs, static_cast<int>(args_.device->cores.size()), {}},
                     kind == args_.kinds.end() ? ProgramFactory{} : kind->second};
  self_->request(builder_, caf::infinite, std::move(order))
      .then([this](Built& b) { built(b); },
            [this](caf::error& e) {
              Built none;
              none.outcome.error = lost("the builder", e);
              built(none);
            });
}

void Follower::built(Built& m) {
  self_->unlink_from(builder_);
  self_->send_exit(builder_, caf::exit_reason::user_shutdown);
  builder_ = nullptr;
  program_ = m.program;
  if (program_) spawn_children();
  answer(m.outcome.error);
}

void Follower::spawn_children() {
  if (on_gpu()) make_slices(1);
  // detached: waits for the network, and grows networks
  courier_ = self_->spawn<caf::detached + caf::linked>(
      courier, CourierArgs{program_, account_, args_.plane, args_.thread_setup,
                           times_of(args_.failure_timeout_seconds).collective,
                           on_gpu() ? slices_.front() : slice_actor()});
  // detached: it reads and converts images, and blocks while the queue is full
  loader_ = self_->spawn<caf::detached + caf::linked>(loader);
}

void Follower::answer(std::optional<Error> error) {
  for (auto& waiting : std::exchange(opening_, {}))
    waiting.deliver(error ? FollowerOpened{-1, -1, {error}, 0, -1, 0, 0} : place());
}

caf::result<Outcome> Follower::move_state(const MoveState& m) {
  auto promise = self_->make_response_promise<Outcome>();
  auto deliver = [promise](Outcome o) mutable { promise.deliver(std::move(o)); };
  if (!program_ || lease_) {
    deliver({Error{.what = "a state can't be moved now", .where = "node " + args_.node}});
    return promise;
  }
  if (!m.send) step_ = -1;  // neither the old one nor the new one until it is whole
  self_->request(courier_, caf::infinite, m)
      .then(
          [this, m, deliver](Outcome& o) mutable {
            if (!o.error && !m.send) {
              step_ = m.step;
              entered_ = m.entered;
              copy_epoch_ = m.epoch;
              copy_first_ = -1;
              tail_.stand_at(m.step);
            }
            deliver(o);
          },
          [this, deliver](caf::error& e) mutable { deliver({lost("the courier", e)}); });
  return promise;
}

/// Why this lease can't be run as the node stands; empty: it can.
std::string Follower::unfit(const FollowLease& m) const {
  if (m.epoch <= epoch_ || m.epoch < fence_) return "an order of an older epoch";
  if (!program_ || lease_) return "the node is not ready for it";
  if (m.cores.empty() || m.cores.size() != m.runs.size() || m.first >= m.end)
    return "a lease that makes no sense";
  if (on_gpu() && (m.cores.size() > 1 || gpu_.empty())) return "the node's copy has no share of a GPU for it";
  const bool fresh = m.first == 0 && step_ < 0;
  return step_ != m.first && !fresh ? "the node's copy stands at another step" : "";
}

caf::result<LeaseEnd> Follower::lease(const FollowLease& m) {
  if (const auto why = unfit(m); !why.empty())
    return LeaseEnd{step_,
                    entered_,
                    Error{.code = ErrorCode::peer_failed,
                          .what = why,
                          .where = "node " + args_.node + ", job " + config_.name},
                    {},
                    {},
                    {}};
  headless_ = false;
  epoch_ = copy_epoch_ = m.epoch;
  copy_first_ = m.first;
  tail_.stand_at(m.first);
  tail_.drop_before(m.saved);
  tells_ = !m.group.processes.empty() && m.group.processes.front().name == args_.node;
  lease_ = m;
  lease_promise_ = self_->make_response_promise<LeaseEnd>();
  control_->clear();
  gauged_at_ = 0;
  error_.reset();
  untold_.clear();
  account_->set_budget(m.budget);
  make_slices(m.cores.size());
  enter_phase();
  return lease_promise_;
}

void Follower::make_slices(std::size_t ranks) {
  while (slices_.size() < ranks) {
    meters_.push_back(std::make_shared<BusyMeter>(0));
    // detached: it computes
    slices_.push_back(self_->spawn<caf::detached + caf::linked>(
        slice, SliceArgs{config_.name, account_, args_.device, args_.thread_setup, args_.clock,
                         meters_.back(), on_gpu()}));
  }
}

void Follower::enter_phase() {
  const Moment moment = program_->moment(lease_->first);
  if (shards_phase_ == moment.phase) return start_ranks();
  self_->request(courier_, caf::infinite, EnterPhase{moment})
      .then(
          [this, moment](Outcome& grown) {
            if (grown.error) return give_up(*grown.error);
            step_ = entered_ = lease_->first;
            self_
                ->request(slices_.front(), caf::infinite,
                          EnterProgram{lease_->cores.front(), program_, moment})
                .then(
                    [this, moment](Outcome& entered) {
                      if (entered.error) return give_up(*entered.error);
                      shards_phase_ = moment.phase;
                      start_ranks();
                    },
                    [this](caf::error& e) { give_up(lost("a slice", e)); });
          },
          [this](caf::error& e) { give_up(lost("the courier", e)); });
}

/// A GPU's one rank sums for itself.
Result<std::vector<std::shared_ptr<Collective>>> Follower::form_group() {
  if (on_gpu()) return make_in_process(1, times_of(args_.failure_timeout_seconds).collective);
  for (const auto& peer : lease_->peers)
    if (auto known = args_.plane->ensure_peer(peer); !known) return fail(known.error());
  for (const auto& cores : lease_->cores)
    for (const int cpu : cpus_of(*args_.device, cores)) lease_->group.cpus.push_back(cpu);
  auto ends = make_node_group(*args_.plane, lease_->group, args_.make_fast);
  if (ends && ends->size() != lease_->cores.size())
    return fail({.what = "a group of another size than the lease", .where = "node " + args_.node});
  return ends;
}

void Follower::start_ranks() {
  auto ends = form_group();
  if (!ends) return give_up(ends.error());
  ends_ = std::move(*ends);
  load();
  running_ = ends_.size();
  const Lease steps{program_, control_, lease_->first, lease_->end};
  for (std::size_t rank = 0; rank < ends_.size(); ++rank)
    self_
        ->request(slices_[rank], caf::infinite,
                  RunSteps{lease_->cores[rank], steps, ends_[rank], lease_->runs[rank], steps_sink{self_}})
        .then([this, rank](SliceEnd& end) { rank_ended(rank, std::move(end)); },
              [this, rank](caf::error& e) {
                rank_ended(rank, {{lease_->first, 0, lost("a slice", e), true}, {}});
              });
}

/// The loader goes on from where it is, unless the copy has jumped.
void Follower::load() {
  if (loads_ == lease_->first) return;
  loads_ = lease_->first;
  program_->batches().restart(loads_);
  self_->send(loader_, LoadFrom{program_, loads_});
}

void Follower::rank_ended(std::size_t rank, SliceEnd end) {
  if (rank == 0) {
    step_ = loads_ = end.loop.next;
    begun_ = end.loop.begun;
    untold_ = std::move(end.untold);
  }
  // the rank that failed by itself is the cause; the others only heard of it
  if (end.loop.error && (!error_ || of_others(error_->code))) error_ = end.loop.error;
  if (--running_ == 0) ended();
}

void Follower::stop(const StopLease& m) {
  if (!m.abandon) return control_->request_edge();
  control_->abandon();
  for (const auto& rank : ends_) rank->abort("the step was given up");
}

void Follower::ended() {
  if (!error_ || !begun_) return give_up(error_.value_or(Error{}));
  self_->request(slices_.front(), caf::infinite, RollBack{program_})
      .then([this](Outcome& o) { give_up(o.error ? *o.error : *error_); },
            [this](caf::error& e) { give_up(lost("a slice", e)); });
}

void Follower::give_up(const Error& error) {
  const bool failed = !error.what.empty();
  LeaseEnd end{step_, entered_,         failed ? std::optional(error) : std::nullopt,
               {},    account_->held(), account_->peak()};
  if (failed) {
    end.untold = std::move(untold_);
    for (const auto& rank : ends_) rank->abort(error.what);  // who waits for this node need not wait longer
  }
  ends_.clear();
  lease_.reset();
  lease_promise_.deliver(std::move(end));
  leave_gpu();
  if (opening_.empty()) return;
  if (step_ > newest_)
    build(JobConfig(config_));
  else
    answer({});
}

hosted_follower_actor::behavior_type Follower::behavior() {
  return {
      [this](const OpenFollower& m) { return open(m); },
      [this](const FollowLease& m) { return lease(m); },
      [this](const StopLease& m) { stop(m); },
      [this](const MoveState& m) { return move_state(m); },
      [this](const HoldShare& m) { return share(m); },
      [this](const StepsDone& m) { steps_done(m); },
      [this](const AskRows& m) { return rows(m); },
      [](const BuildProgress&) {},
      [this](const HeadGone&) {
        headless_ = true;
        stop({});
        leave_gpu();
      },
  };
}

hosted_follower_actor::behavior_type follower(hosted_follower_actor::stateful_pointer<Follower> self,
                                              FollowerArgs args) {
  self->state.start(self, std::move(args));
  return self->state.behavior();
}

}  // namespace troupe
