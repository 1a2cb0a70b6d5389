#include "bench/quick_job.hpp"

#include <chrono>

#include "actors/common.hpp"
#include "bench/bench.hpp"

namespace troupe::bench {

void Hearing::word(const std::string& job) {
  const std::lock_guard lock(mutex_);
  last_ = now();
  ++words_;
  first_.try_emplace(job, last_);
  changed_.notify_all();
}

void Hearing::assigned(const std::string& job) { word(job); }
void Hearing::waits(const std::string& job) { word(job); }

void Hearing::lost(const std::string& node) {
  const std::lock_guard lock(mutex_);
  auto& loss = losses_[node];
  ++loss.jobs;
  loss.last = now();
  changed_.notify_all();
}

template <class Ready>
double Hearing::wait(double limit, Ready ready) {
  std::unique_lock lock(mutex_);
  double at = 0;
  changed_.wait_for(lock, std::chrono::duration<double>(limit), [&] { return (at = ready()) > 0; });
  return at;
}

double Hearing::first_word(const std::string& job, double limit) {
  return wait(limit, [&] {
    const auto found = first_.find(job);
    return found == first_.end() ? 0 : found->second;
  });
}

double Hearing::loss_heard(const std::string& node, int jobs, double limit) {
  return wait(limit, [&] {
    const auto found = losses_.find(node);
    return found == losses_.end() || found->second.jobs < jobs ? 0 : found->second.last;
  });
}

double Hearing::last_word() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

long Hearing::words() const {
  const std::lock_guard lock(mutex_);
  return words_;
}

void Hearing::forget() {
  const std::lock_guard lock(mutex_);
  first_.clear();
  losses_.clear();
}

Demand demand_number(int number) {
  return {"idle", mib(256 + 64 * (number % 7)), 0, 0.05 * (2 + number * 5 % 23), true};
}

job_actor::behavior_type quick_job(job_actor::stateful_pointer<QuickJobState> self, std::string job,
                                   int number, supervisor_actor supervisor,
                                   std::shared_ptr<Hearing> hearing) {
  name_exceptions(self);
  auto& state = self->state;
  state.job = std::move(job);
  state.supervisor = std::move(supervisor);
  state.hearing = std::move(hearing);
  self->request(state.supervisor, caf::infinite,
                DemandChanged{state.job, demand_number(number), {}, kQuickShards})
      .then([](const Outcome&) {});
  const auto ends = [self] {
    JobStatus last;
    last.job = self->state.job;
    last.state = JobState::stopped;
    self->send(self->state.supervisor, last);
    self->quit();
  };
  return {
      [self](const Assignment& m) {
        self->state.hearing->assigned(self->state.job);
        self->send(self->state.supervisor, Applied{self->state.job, m.grants, {}});
      },
      [self](const Waiting&) { self->state.hearing->waits(self->state.job); },
      [](const StepsDone&) {},
      [](const BuildProgress&) {},
      [](const CheckpointDue&) {},
      [self](const NodeLost& m) { self->state.hearing->lost(m.node); },
      [](const SilenceOver&) {},
      [](const LeaveNode&) { return Outcome{}; },
      [ends](const StopJob&) {
        ends();
        return Stopped{};
      },
  };
}

}  // namespace troupe::bench
