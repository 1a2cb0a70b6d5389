#pragma once
// Jobs on a cluster under a virtual clock: who starts when, who gives way, and how long it all takes.
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "predict/pack/task.hpp"
#include "predict/simulate/job_model.hpp"

namespace troupe::simulate {

/// How a waiting job's turn is found.
struct Rule {
  enum class Order { submission, duration, attained };
  std::string name, about;
  Order order = Order::submission;
  bool strict = false;  // who can't start holds up all behind it
  bool shares = false;  // phases take their shares of GPUs, many jobs on one; else GPUs are taken whole
  bool parks = false;   // who has had more gives way to who has had less, and goes on later
  bool ages = false;  // who has waited for long goes by submission alone, on half of the GPUs: nobody starves
};

/// fifo, fifo_backfill, shortest_first, least_attained, ours_whole, packing, ours.
const std::vector<Rule>& rules();
Result<Rule> rule_named(const std::string& name);

struct Outcome {
  double submitted = 0, started = 0, finished = 0;
  double waited = 0;  // all of its time in which it did not run
  int parked = 0;     // how often
};

/// From `at` on so many GPUs are in use.
struct Use {
  double at = 0, gpus = 0;
};

struct Simulation {
  std::vector<Outcome> jobs;  // in the order given
  double end = 0;             // seconds, when the last was done
  double gpu_seconds = 0;     // allocated
  double gpus = 0;
  std::int64_t events = 0;
  std::vector<Use> use;  // ascending in time
};

/// Whether there is a GPU at all, and enough of them for every job.
Result<void> check_jobs(const std::vector<SimJob>& jobs, const std::vector<pack::Machine>& machines);

/// Runs all jobs to their end. GPUs of a job lie on one machine where it has enough, else on as few as may
/// be, all or nothing. Sharing GPUs costs a twentieth of speed, to be parked and to go on 10 s. Jobs that
/// ask for more GPUs than there are: no_capacity, with the most that would do. Pure: same input, same
/// outcome.
Result<Simulation> simulate(const std::vector<SimJob>& jobs, const std::vector<pack::Machine>& machines,
                            const Rule& rule, std::int64_t seed);

struct Summary {
  double mean_completion = 0, p99_completion = 0;  // seconds from submission to the end
  double mean_waiting = 0, p99_waiting = 0, longest_waiting = 0;
  double utilisation = 0;  // GPU-seconds allocated over those there were until the end
  std::int64_t parks = 0;
};
Summary summarise(const Simulation& simulation);

}  // namespace troupe::simulate
