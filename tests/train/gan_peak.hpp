#pragma once
// What a step of the GAN really takes: its stages run by workers, as in a slice, on one account.
#include <algorithm>
#include <memory>

#include "gpu/cpu_slice.hpp"
#include "gpu/devices.hpp"
#include "gpu/torch_allocator.hpp"
#include "train/gan/program.hpp"
#include "train/shard_work.hpp"

namespace troupe::test {

/// Bytes at the peak of the step; the step is not committed. -1 where something stayed behind.
inline std::int64_t peak_of_step(gan::GanProgram& program, std::int64_t step, int workers) {
  const Moment moment = program.moment(step);
  for (const auto& replica : program.replicas()) replica->enter(moment);
  program.enter(moment);
  program.batches().restart(step);
  if (!program.batches().push(std::make_shared<const Batch>(program.make_batch(step)))) return -1;
  auto cores = discover_cpu()->cores;  // as many as there are, and shared ones beyond
  while (static_cast<int>(cores.size()) < workers) cores.push_back(cores.front());
  cores.resize(static_cast<std::size_t>(workers));
  const auto account = std::make_shared<Account>("measured", gib(1 << 20));
  CpuSlice slice(cores, account, use_one_torch_thread);
  program.begin_step(step);
  for (int stage = 0; stage < program.stages(); ++stage) {
    ShardWork work(program, {0, program.shards()}, stage, step, 0, [] { return false; });
    slice.run([&](int) {
      double seconds = 0;
      work.work([] { return 0.0; }, seconds);
    });
  }
  program.roll_back();
  return account->held().count == 0 ? account->peak().count : -1;
}

/// The first step of a phase, while its newest layers fade in, or its last one, when they are in.
inline std::int64_t step_of(const Program& program, int phase, bool first) {
  std::int64_t step = 0;
  while (program.moment(step).phase < phase) step = program.moment(step).phase_end;
  return first ? step : program.moment(step).phase_end - 1;
}

}  // namespace troupe::test
