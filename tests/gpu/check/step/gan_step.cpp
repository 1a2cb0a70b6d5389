// The GAN's step on a GPU: against the CPU's own kernels, and how fast it is, eager and as CUDA graphs.
#include <ATen/ATen.h>

#include <algorithm>

#include "tests/gpu/check/step/one_step.hpp"

namespace troupe::cuda::check {
namespace {

gan::NetShape shape() { return {2, 64, 1, 2048, 128, 4, 128}; }

/// The least of several runs, by the device's own clock.
double milliseconds(const World& world, const StepSlice& on, int runs, const std::function<void()>& work) {
  const Owned<Event> from(world.driver, want(world.driver->make_event()));
  const Owned<Event> to(world.driver, want(world.driver->make_event()));
  double least = 1e9;
  for (int i = 0; i < runs; ++i) {
    want(world.driver->record(from.get(), on.slice->stream()));
    work();
    want(world.driver->record(to.get(), on.slice->stream()));
    want(world.driver->synchronize(on.slice->stream()));
    least = std::min(least, 1e3 * want(world.driver->seconds_between(from.get(), to.get())));
  }
  return least;
}

/// The worst gradient of all, and of what: in half precision the worst network, since a bias's may cancel.
std::pair<double, std::string> worst(gan::TwoSteps& two, int phase, const gan::StepResult& wanted,
                                     const gan::StepResult& got, bool exact) {
  if (!exact) {
    const double critic = two.whole(wanted.critic, got.critic);
    const double generator = two.whole(wanted.generator, got.generator);
    return {std::max(critic, generator), critic > generator ? "the critic's" : "the generator's"};
  }
  const auto critic = two.worst(two.critic.table(), phase, wanted.critic, got.critic, 1e-12);
  const auto generator = two.worst(two.generator.table(), phase, wanted.generator, got.generator, 1e-12);
  if (critic.norm > generator.norm) return {critic.norm, "the critic's " + critic.of};
  return {generator.norm, "the generator's " + generator.of};
}

void check_size(const World& world, int phase, int runs, Report& report) {
  gan::TwoSteps two(shape(), phase, 1, kBatch);
  const int size = shape().resolution(phase);
  const gan::StepResult wanted = two.native();
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    const bool exact = type == at::kFloat;
    const std::string what =
        std::to_string(size) + "x" + std::to_string(size) + (exact ? ", float32" : ", bfloat16");
    const StepSlice on(world, world.all(), type);
    {
      Step step(two, phase, *on.runtime);
      step.run_eagerly();
      const gan::StepResult eager = step.result();
      const double allowed = exact ? 1e-3 : 0.15;
      const auto [off, of] = worst(two, phase, wanted, eager, exact);
      report.figure(what + ": the worst gradient, off the CPU's by", off, "of its norm");
      report.must(what + ": gradients are the CPU's to " + nlohmann::json(allowed).dump(), off <= allowed,
                  of);
      const double eagerly = milliseconds(world, on, runs, [&] { step.run_eagerly(); });
      for (int i = 0; i < 3; ++i) step.run_as_graph();
      const auto before = on.half->facts();
      const double replayed = milliseconds(world, on, runs, [&] { step.run_as_graph(); });
      const auto facts = on.half->facts();
      report.must(what + ": the step is replayed as a graph", facts.replays - before.replays == runs,
                  facts.capture_trouble);
      const auto [changed, where] = worst(two, phase, eager, step.result(), true);
      report.must(what + ": a replayed step is the eager one to 1e-6", changed <= 1e-6, where);
      report.figure(what + ": a step of " + std::to_string(kBatch) + " images, eager", eagerly, "ms");
      report.figure(what + ": the same as a graph", replayed, "ms");
      report.figure(what + ": eager over graph", eagerly / replayed, "ratio");
      report.figure(what + ": images a second", 1e3 * kBatch / replayed, "1/s");
      report.figure(what + ": LibTorch's allocator holds", static_cast<double>(facts.taken.count >> 20),
                    "MiB");
    }
    want(on.half->renew());
  }
}

/// A wall too small for a step: the slice's own error, and the step afterwards.
void check_wall(const World& world, Report& report) {
  if (world.host) return report.not_run("the wall before LibTorch", "this is no GPU");
  const StepSlice on(world, world.all(), at::kFloat);
  const auto ran = on.half->run([&] {
    const auto none = at::empty({std::int64_t{1} << 40}, at::TensorOptions(at::kCUDA).dtype(at::kByte));
  });
  report.must("an allocation past the slice's wall is refused, as over_budget",
              !ran && ran.error().code == ErrorCode::over_budget, ran ? "it was given" : ran.error().text());
  const auto after = on.half->run(
      [&] { const auto some = at::empty({1 << 20}, at::TensorOptions(at::kCUDA).dtype(at::kByte)); });
  report.must("and the slice goes on", after.has_value(), after ? "" : after.error().text());
}

}  // namespace

void check_step(const World& world, Report& report) {
  check_wall(world, report);
  const std::vector<int> phases = world.host ? std::vector{1} : std::vector{1, 3, 5};  // 8, 32, 128
  for (const int phase : phases) check_size(world, phase, world.host ? 2 : 20, report);
}

}  // namespace troupe::cuda::check
