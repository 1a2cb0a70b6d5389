#include "bench/gan_job.hpp"

#include <filesystem>
#include <thread>

#include "base/clock.hpp"
#include "bench/mri_data.hpp"
#include "gpu/collective.hpp"
#include "gpu/cpu_slice.hpp"
#include "gpu/devices.hpp"
#include "gpu/torch_allocator.hpp"
#include "train/gan.hpp"
#include "train/step_loop.hpp"

namespace troupe::bench {
namespace {

JobConfig job_at(int resolution, std::int64_t steps) {
  JobConfig job;
  job.name = "bench";
  job.data = mri_data();
  job.gan.fmap_base = 768;
  job.gan.from = job.gan.to = resolution;
  job.gan.images = {steps * job.gan.shards * job.gan.shard_batch};
  return job;
}

}  // namespace

Result<GanFigures> train_gan(int resolution, std::int64_t steps) {
  auto device = discover_cpu();
  if (!device) return fail(device.error());
  const auto cache = std::filesystem::temp_directory_path() / "troupe-bench-pyramids";
  auto program = make_gan({job_at(resolution, steps), cache, static_cast<int>(device->cores.size()), {}});
  if (!program) return fail(program.error());
  Program& p = **program;
  const Moment moment = p.moment(0);
  for (const auto& replica : p.replicas()) replica->enter(moment);
  p.enter(moment);
  p.batches().restart(0);
  std::jthread loader([&p, steps] {
    for (std::int64_t step = 0; step < steps; ++step)
      if (!p.batches().push(std::make_shared<const Batch>(p.make_batch(step)))) return;
  });
  CpuSlice slice(device->cores, std::make_shared<Account>("bench", device->memory), use_one_torch_thread);
  const auto group = make_in_process(1, 60);
  const Lease lease{*program, std::make_shared<StepControl>(), 0, steps};
  SystemClock clock;
  double inside = 0, wall = 0;
  std::int64_t counted = 0;
  const auto end = run_steps(
      lease, slice, *group.front(), {0, p.shards()},
      [&](const StepStats& s) {
        if (s.step < steps / 5) return;
        inside += (s.shard_seconds + s.reduce_seconds + s.update_seconds) / s.workers;
        wall += s.seconds;
        ++counted;
      },
      [&clock] { return clock.now(); });
  p.batches().close({.code = ErrorCode::interrupted, .what = "the bench is done"});
  if (end.error) return fail(*end.error);
  return GanFigures{1 - inside / wall, static_cast<double>(counted * p.images_per_step()) / wall};
}

}  // namespace troupe::bench
