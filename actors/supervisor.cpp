#include "actors/supervisor.hpp"

#include <fmt/core.h>

#include <utility>

namespace troupe {

void Supervisor::start(Self self, SupervisorArgs args) {
  self_ = self;
  args_ = std::move(args);
  name_exceptions(self);
  // the cluster goes down: jobs end with it, and take their children along
  self->set_exit_handler([this](caf::exit_msg& m) {
    for (auto& [called, job] : jobs_)
      if (job.actor) self_->send_exit(job.actor, m.reason);
    for (auto& [called, node] : nodes_)
      if (node.link) self_->send_exit(node.link, m.reason);
    self_->quit(m.reason);
  });
  self->set_down_handler([this](caf::down_msg& m) { job_down(m); });
  if (args_.plane) self_->send(supervisor_actor{self_}, LookAtPlane{});
  started_at_ = args_.clock->now();
  ledger_.set_rules(rules(), args_.config.cluster.patience_seconds);
  for (const auto& device : args_.devices) {
    ledger_.add_device(device);
    Event e{.kind = EventKind::node_up,
            .node = device.node,
            .text = fmt::format("{} cores, {}", device.cores.size(), to_string(device.memory))};
    e.cores = static_cast<int>(device.cores.size());
    self->send(args_.recorder, Events{{e}});
  }
  gpus_.try_emplace("");
  add_gpus(args_.gpus);
}

Error Supervisor::refuse(const Submit& m) const {
  const JobConfig& job = m.job;
  if (job.gpu == GpuUse::require) return {};  // bind() chose one that is large enough
  std::size_t cores = 0;
  Bytes memory;
  for (const auto& d : ledger_.devices()) {
    cores += d.cores.size();
    memory = std::max(memory, d.memory);
  }
  Error e{.code = ErrorCode::no_capacity, .what = "", .where = "job " + job.name};
  if (job.min_cores > static_cast<int>(cores)) {
    e.what = "it needs more cores than the cluster has";
    e.given = fmt::format("min_cores = {}", job.min_cores);
    e.allowed = fmt::format("at most {}", cores);
    e.hint = "lower min_cores, or give the node more cores";
  } else if (job.memory && *job.memory > memory) {
    e.what = "it needs more memory than any node has";
    e.given = "memory = " + to_string(*job.memory);
    e.allowed = "at most " + to_string(memory);
    e.hint = "lower memory, or leave it to be measured (memory = \"auto\")";
  }
  return e;
}

Outcome Supervisor::submit(Submit m) {
  const auto known = jobs_.find(m.job.name);
  if (known != jobs_.end() && !known->second.over())
    return {Error{.code = ErrorCode::bad_config,
                  .what = "a job of that name is there already",
                  .where = "job " + m.job.name,
                  .hint = "stop it first, or choose another name"}};
  const auto gpu = bind(m);
  if (!gpu) return {gpu.error()};
  // what was accepted once fits again when the run's nodes are back
  const bool nodes_may_come_back = m.resume && args_.plane;
  if (auto e = refuse(m); !e.what.empty() && !nodes_may_come_back) return {e};
  auto spawned = args_.spawn_job(m, supervisor_actor{self_});
  if (!spawned) return {spawned.error()};
  self_->monitor(*spawned);
  JobEntry entry{.config = m.job, .gpu = *gpu, .actor = *spawned, .status = {}, .order = next_order_++};
  entry.submitted_at = args_.clock->now();
  entry.status.job = m.job.name;
  JobEntry& job = jobs_[m.job.name] = std::move(entry);
  if (job.on_gpu()) note_model(job);
  return {};
}

caf::result<Outcome> Supervisor::demand_changed(const DemandChanged& m) {
  const auto found = jobs_.find(m.job);
  if (found == jobs_.end())
    return Outcome{Error{.code = ErrorCode::not_found, .what = "no such job", .given = m.job}};
  JobEntry& job = found->second;
  if (job.on_gpu()) job.asked = m;
  if (job.on_gpu() && !gpu_is_there(job)) {
    wait_for_gpu(job);
    return Outcome{};
  }
  if (auto told = tell_ledger(job, m); !told) return outcome(told);
  auto promise = self_->make_response_promise<Outcome>();
  wait_for_plan_.push_back(promise);
  plan_soon();
  return promise;
}

Result<void> Supervisor::tell_ledger(JobEntry& job, const DemandChanged& m) {
  Ledger& ledger = ledger_of(job);
  ledger.clock(args_.clock->now());
  if (!job.planned) {
    if (auto added = ledger.add_job(job_view(job, m)); !added) return added;
    job.planned = true;
  }
  ledger.set_demand(m.job, m.demand);
  ledger.set_held(m.job, m.held);
  const double step = m.demand.step_seconds(lossless_cores(ledger.jobs().at(m.job)));
  const bool known = m.steps_left >= 0 && step > 0;  // no time: no step of the phase was foretold or seen
  ledger.set_left(m.job, known ? std::optional(m.steps_left * step) : std::nullopt);
  return {};
}

void Supervisor::applied(const Applied& m) {
  const auto found = jobs_.find(m.job);
  if (found == jobs_.end() || !found->second.planned) return;
  // of a GPU that it was bound to before
  if (const auto& job = found->second; job.on_gpu())
    for (const auto& grant : m.grants)
      if (grant.node != job.gpu.node) return;
  Ledger& ledger = ledger_of(found->second);
  ledger.clock(args_.clock->now());
  ledger.applied(m.job, m.grants);
  ledger.set_held(m.job, m.held);
  plan_soon();
}

void Supervisor::job_status(const JobStatus& m) {
  const auto found = jobs_.find(m.job);
  if (found == jobs_.end()) return;
  JobEntry& job = found->second;
  job.status = m;
  if (!job.over() || !job.planned) return;
  job.planned = false;
  ledger_of(job).remove_job(m.job);
  plan_soon();
}

void Supervisor::job_down(const caf::down_msg& m) {
  for (auto& [called, job] : jobs_) {
    if (job.actor.address() != m.source) continue;
    if (!job.over()) {  // it died before it could tell why
      JobStatus last = job.status;
      last.state = JobState::failed;
      last.error = Error{.code = ErrorCode::internal,
                         .what = "the job's actor died: " + describe(m.reason),
                         .where = "job " + called};
      Event e{.kind = EventKind::job_failed, .job = called, .text = last.error->text()};
      self_->send(args_.recorder, Events{{e}});
      job_status(last);
    }
    job.actor = nullptr;
  }
}

void Supervisor::plan_soon() {
  if (std::exchange(plan_due_, true)) return;
  self_->send(supervisor_actor{self_}, PlanDue{});
}

void Supervisor::advance() {
  const double now = args_.clock->now();
  advance(ledger_, now);
  for (auto& [device, ledger] : gpus_) advance(ledger, now);
  wake_when_due(now);
}

void Supervisor::advance(Ledger& ledger, double now) {
  ledger.clock(now);
  for (const auto& assign : ledger.advance()) {
    const auto& job = jobs_.at(assign.job);
    if (job.actor) self_->send(job.actor, Assignment{assign.grants, assign.reason, now});
  }
  for (const auto& [called, decision] : ledger.plan().jobs) {
    auto& job = jobs_.at(called);
    if (job.told_reason == decision.reason || !job.actor) continue;
    job.told_reason = decision.reason;
    self_->send(job.actor, Waiting{decision.reason, decision.wanted_cores});
  }
}

supervisor_actor::behavior_type Supervisor::behavior() {
  return {
      [this](const Submit& m) { return submit(m); },
      [this](const DemandChanged& m) { return demand_changed(m); },
      [this](const Applied& m) { applied(m); },
      [this](const JobStatus& m) { job_status(m); },
      [this](const PlanDue&) {
        plan_due_ = false;
        advance();
        for (auto& waiting : std::exchange(wait_for_plan_, {})) waiting.deliver(Outcome{});
      },
      [this](const LookAtPlane&) { look_at_plane(); },
      [this](const FindNode& m) { return find_node(m); },
      [this](const AwaitNode& m) { return await_node(m); },
      [this](const NodeDown& m) { node_down(m); },
      [this](const NodeUnfit& m) { node_unfit(m); },
      [this](const std::string& verb, const std::string& arguments) { return control(verb, arguments); },
      [this](join_word, const std::string& card, const caf::actor& agent) {
        const auto welcome = join(card, agent);
        return welcome ? wire::good(wire::to_json(*welcome)) : wire::bad(welcome.error());
      },
  };
}

supervisor_actor::behavior_type supervisor(supervisor_actor::stateful_pointer<Supervisor> self,
                                           SupervisorArgs args) {
  self->state.start(self, std::move(args));
  return self->state.behavior();
}

}  // namespace troupe
