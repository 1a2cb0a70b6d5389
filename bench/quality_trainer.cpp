#include "bench/quality_trainer.hpp"

#include <algorithm>
#include <thread>

#include "base/clock.hpp"
#include "gpu/torch_allocator.hpp"
#include "train/step_loop.hpp"

namespace troupe::bench {
namespace {
constexpr double kTimeoutSeconds = 600;  // one rank never waits for another
}

Trainer::Trainer(std::shared_ptr<Program> program, int threads) : program_(std::move(program)) {
  install_torch_allocator();
  const auto device = discover_cpu();
  if (!device) throw ErrorException(device.error());
  const auto cut = restrict_cpu(*device, threads, device->memory, true);
  if (!cut) throw ErrorException(cut.error());
  slice_ = std::make_unique<CpuSlice>(cut->cores, std::make_shared<Account>("bench", cut->memory),
                                      [] { use_one_torch_thread(); });
  collective_ = make_in_process(1, kTimeoutSeconds).front();
}

void Trainer::enter(const Moment& moment) {
  if (moment.phase == phase_) return;
  for (const auto& replica : program_->replicas()) replica->enter(moment);
  program_->enter(moment);
  phase_ = moment.phase;
}

void Trainer::jump(std::int64_t step) {
  enter(program_->moment(step));
  at_ = step;
}

void Trainer::until(std::int64_t step) {
  while (at_ < step) {
    const auto moment = program_->moment(at_);
    enter(moment);
    lease(std::min(step, moment.phase_end));
  }
}

void Trainer::lease(std::int64_t end) {
  auto& queue = program_->batches();
  queue.restart(at_);
  std::thread loader([&] {
    try {
      for (auto step = at_; step < end; ++step)
        if (!queue.push(std::make_shared<const Batch>(program_->make_batch(step)))) return;
    } catch (...) {
      queue.close(from_current_exception("loader"));
    }
  });
  const SystemClock clock;
  const double began = clock.now();
  const Lease lease{program_, std::make_shared<StepControl>(), at_, end};
  const auto result =
      run_steps(lease, *slice_, *collective_, {0, program_->shards()}, {}, [&] { return clock.now(); });
  if (result.error) queue.close(*result.error);
  loader.join();
  if (result.error) throw ErrorException(*result.error);
  seconds_ += clock.now() - began;
  at_ = result.next;
}

std::vector<Moment> phase_starts(const Program& program) {
  std::vector<Moment> starts;
  for (std::int64_t step = 0; step < program.steps(); step = starts.back().phase_end)
    starts.push_back(program.moment(step));
  return starts;
}

}  // namespace troupe::bench
