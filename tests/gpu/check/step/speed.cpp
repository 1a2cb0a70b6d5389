// Whole steps of a job on the whole device, its optimiser and its data included, in both precisions.
//   gpu_check_step speed FOLDER KERNELS HALF SIZE SECONDS
#include "tests/gpu/check/step/job.hpp"

namespace troupe::cuda::check {
namespace {

constexpr int kWarm = 6;  // steps: two eager ones, a capture, and clocks that rise

}  // namespace

void check_speed(const World& world, Report& report) {
  if (world.given.arguments.size() < 2)
    throw ErrorException({ErrorCode::bad_usage, "a size and seconds are wanted", "speed"});
  const int size = std::stoi(world.given.arguments[0]);
  const double seconds = std::stod(world.given.arguments[1]);
  for (const bool half_precision : {false, true}) {
    const std::string precision = half_precision ? "bfloat16" : "float32";
    Job job(world,
            {.size = size, .half_precision = half_precision, .pieces = world.all(), .budget = world.most});
    job.steps(kWarm);
    const double waited = job.waited_seconds();
    const Job::Timed timed = job.run_for(seconds);
    const TorchHalfFacts facts = job.half();
    report.must(std::to_string(size) + "x" + std::to_string(size) + ", " + precision +
                    ": the steps that were timed are replayed",
                facts.replays > 0 && facts.capture_trouble.empty(), facts.capture_trouble);
    report.sample({{"of", "speed"},
                   {"who", "troupe"},
                   {"size", size},
                   {"precision", precision},
                   {"images_per_second", timed.images / timed.seconds},
                   {"waited_for_data", (job.waited_seconds() - waited) / timed.seconds}});
  }
}

}  // namespace troupe::cuda::check
