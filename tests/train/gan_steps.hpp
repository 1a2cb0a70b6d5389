#pragma once
// Steps of a program as a slice runs them, under a wall.
#include <ctime>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "gpu/collective.hpp"
#include "gpu/cpu_slice.hpp"
#include "gpu/torch_allocator.hpp"
#include "tests/train/some_cores.hpp"
#include "train/step_loop.hpp"

namespace troupe::test {

struct StepsRun {
  std::vector<double> seconds;  // of each step
  Bytes peak;
  std::int64_t refusals = 0;
  std::optional<Error> error;
};

inline double wall_seconds() { return SystemClock().now(); }
/// Of the calling thread: on one core, what steps take of a machine that is busy elsewhere too.
inline double thread_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// All of the program in the phase of step `first`; what loads the steps up to `end`.
inline std::jthread enter_and_load(const std::shared_ptr<Program>& program, std::int64_t first,
                                   std::int64_t end) {
  const Moment moment = program->moment(first);
  for (const auto& replica : program->replicas()) replica->enter(moment);
  program->enter(moment);
  program->batches().restart(first);
  return std::jthread([program, first, end] {
    for (std::int64_t step = first; step < end; ++step)
      if (!program->batches().push(std::make_shared<const Batch>(program->make_batch(step)))) return;
  });
}

/// The steps [first, end), of one phase; then, with `samples`, as many images by each generator, all at once.
inline StepsRun run_steps_under(const std::shared_ptr<Program>& program, std::int64_t first, std::int64_t end,
                                int cores, Bytes wall, int samples = 0,
                                const std::function<double()>& now = wall_seconds) {
  std::jthread loader = enter_and_load(program, first, end);
  const auto account = std::make_shared<Account>("budget", wall);
  CpuSlice slice(some_cores(cores), account, use_one_torch_thread);
  const auto group = make_in_process(1, 60);
  StepsRun run;
  const auto ended = run_steps(
      {program, std::make_shared<StepControl>(), first, end}, slice, *group.front(), {0, program->shards()},
      [&](const StepStats& s) { run.seconds.push_back(s.seconds); }, now);
  run.error = ended.error;
  if (ended.begun) program->roll_back();
  program->batches().restart(end);  // a loader that waits with more gives up
  loader.join();
  if (samples > 0 && !run.error) {
    std::vector<std::jthread> all;
    for (const auto& replica : program->replicas())
      if (replica->makes_images())
        all.emplace_back([&, replica] {
          use_one_torch_thread();
          const AccountScope charge(account);
          (void)replica->sample(samples, 1, program->moment(end - 1));  // a refusal is counted below
        });
  }
  run.peak = account->peak();
  run.refusals = account->refusals();
  return run;
}

}  // namespace troupe::test
