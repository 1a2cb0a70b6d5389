// The GAN's step on a GPU: against the CPU's own kernels, and how fast it is, eager and as CUDA graphs.
//   gpu_check_step FOLDER KERNELS HALF   writes FOLDER/found-step.json; KERNELS, HALF: libraries of gpu/cuda.
//   HALF "host": over the host's memory instead of a GPU, at 8x8 alone; a test of this program
// Exit codes: 0 all held, 1 something did not, 2 there is no GPU here. ./dev gpu-check runs it.
#include <ATen/ATen.h>

#include <algorithm>
#include <cstdio>

#include "gpu/torch_allocator.hpp"
#include "tests/gpu/check/report.hpp"
#include "tests/train/gan_device.hpp"
#include "tests/train/host_gpu.hpp"
#include "train/gan/device/slice_runtime.hpp"

namespace troupe::cuda::check {
namespace {

constexpr int kBatch = 16;

/// Where the step is computed, and how much of it.
struct Plan {
  at::Device device = at::Device(at::kCUDA, 0);
  std::vector<int> phases = {1, 3, 5};  // 8, 32, 128
  int runs = 20;
};

template <class T>
T want(Result<T> result) {
  if (!result) throw ErrorException(result.error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// The whole of device 0 as one slice.
struct Device {
  Plan plan;
  std::shared_ptr<Driver> driver;
  std::shared_ptr<const Kernels> kernels;
  std::unique_ptr<GpuSlice> slice;
  std::unique_ptr<TorchHalf> half;

  Device(Plan p, std::shared_ptr<Driver> d, const std::string& kernels_path, const std::string& half_path)
      : plan(std::move(p)), driver(std::move(d)) {
    want(driver->enter(0));
    const auto cut = want(cut_device(*driver, 0));
    const Bytes most = gib(24);
    slice = want(GpuSlice::open(
        driver, cut,
        {.owner = "gpu-check", .run = {0, cut->grid.pieces}, .budget = most, .most = most, .contexts = 2}));
    kernels = std::make_shared<const Kernels>(want(Kernels::open(kernels_path)));
    if (plan.device.is_cpu())
      half = std::make_unique<test::HostHalf>();
    else
      half = want(want(TorchLibrary::open(half_path, torch_version())).attach(*slice, 0));
  }
};

gan::NetShape shape() { return {2, 64, 1, 2048, 128, 4, 128}; }

/// Both stages of one shard, with all that they read and write at one place.
class Step {
 public:
  Step(gan::TwoSteps& two, int phase, gan::DeviceRuntime& runtime)
      : two_(two), phase_(phase), runtime_(runtime) {
    runtime.run([&] {
      step_ = std::make_unique<gan::DeviceStep>(two.shape(), two.losses, two.critic.table(),
                                                two.generator.table(), phase, runtime.options());
      input_ = std::make_unique<gan::DeviceInput>(two.shape(), kBatch, phase, runtime.options());
      input_->fill(two.input(), two.real().data());
    });
    critic_gradient = runtime.buffer(step_->critic().table().count());
    generator_gradient = runtime.buffer(step_->generator().table().count());
    scores_ = runtime.buffer(4);
    loss_ = runtime.buffer(1);
    runtime.run([&] {
      const auto device = runtime.options().device;
      critic_ = step_->critic().table().effective(gan::TwoSteps::raw(two.critic).to(device));
      generator_ = step_->generator().table().effective(gan::TwoSteps::raw(two.generator).to(device));
    });
  }
  void work() {
    const gan::DeviceKind kind{two_.input().generator, two_.input().alpha < 1};
    const auto fakes = step_->critic_stage(kind, *input_, critic_, generator_, critic_gradient, scores_);
    step_->generator_stage(kind, *input_, fakes, critic_, generator_, generator_gradient, loss_);
  }
  void run_eagerly() {
    runtime_.run([&] { work(); });
  }
  void run_as_graph() {
    GraphKey key;
    key.phase = std::to_string(phase_);
    key.precision = runtime_.options().compute == at::kFloat ? "float32" : "bfloat16";
    runtime_.run(key, [&] { work(); });
  }
  gan::StepResult result() {
    gan::StepResult r{std::vector<float>(static_cast<std::size_t>(critic_gradient.numel())),
                      std::vector<float>(static_cast<std::size_t>(generator_gradient.numel())),
                      {}};
    runtime_.to_host(r.critic.data(), critic_gradient);
    runtime_.to_host(r.generator.data(), generator_gradient);
    return r;
  }
  at::Tensor critic_gradient, generator_gradient;

 private:
  gan::TwoSteps& two_;
  int phase_;
  gan::DeviceRuntime& runtime_;
  std::unique_ptr<gan::DeviceStep> step_;
  std::unique_ptr<gan::DeviceInput> input_;
  at::Tensor scores_, loss_;
  gan::DeviceWeights critic_, generator_;
};

/// The least of several runs, by the device's own clock.
double milliseconds(Device& device, const std::function<void()>& work) {
  const Owned<Event> from(device.driver, want(device.driver->make_event()));
  const Owned<Event> to(device.driver, want(device.driver->make_event()));
  double least = 1e9;
  for (int i = 0; i < device.plan.runs; ++i) {
    want(device.driver->record(from.get(), device.slice->stream()));
    work();
    want(device.driver->record(to.get(), device.slice->stream()));
    want(device.driver->synchronize(device.slice->stream()));
    least = std::min(least, 1e3 * want(device.driver->seconds_between(from.get(), to.get())));
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

void check_size(Device& device, int phase, Report& report) {
  gan::TwoSteps two(shape(), phase, 1, kBatch);
  const int size = shape().resolution(phase);
  const gan::StepResult wanted = two.native();
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    const bool exact = type == at::kFloat;
    const std::string what =
        std::to_string(size) + "x" + std::to_string(size) + (exact ? ", float32" : ", bfloat16");
    const auto runtime =
        gan::make_slice_runtime({device.driver, device.kernels, device.slice.get(), device.half.get()},
                                {.device = device.plan.device, .compute = type, .channels_last = true});
    {
      Step step(two, phase, *runtime);
      step.run_eagerly();
      const gan::StepResult eager = step.result();
      const double allowed = exact ? 1e-3 : 0.15;
      const auto [off, of] = worst(two, phase, wanted, eager, exact);
      report.figure(what + ": the worst gradient, off the CPU's by", off, "of its norm");
      report.must(what + ": gradients are the CPU's to " + nlohmann::json(allowed).dump(), off <= allowed,
                  of);
      const double eagerly = milliseconds(device, [&] { step.run_eagerly(); });
      for (int i = 0; i < 3; ++i) step.run_as_graph();
      const auto before = device.half->facts();
      const double replayed = milliseconds(device, [&] { step.run_as_graph(); });
      const auto facts = device.half->facts();
      report.must(what + ": the step is replayed as a graph",
                  facts.replays - before.replays == device.plan.runs, facts.capture_trouble);
      const auto [changed, where] = worst(two, phase, eager, step.result(), true);
      report.must(what + ": a replayed step is the eager one to 1e-6", changed <= 1e-6, where);
      report.figure(what + ": a step of " + std::to_string(kBatch) + " images, eager", eagerly, "ms");
      report.figure(what + ": the same as a graph", replayed, "ms");
      report.figure(what + ": eager over graph", eagerly / replayed, "ratio");
      report.figure(what + ": images a second", 1e3 * kBatch / replayed, "1/s");
      report.figure(what + ": LibTorch's allocator holds", static_cast<double>(facts.taken.count >> 20),
                    "MiB");
    }
    want(device.half->renew());
  }
}

/// A wall too small for a step: the slice's own error, and the step afterwards.
void check_wall(Device& device, Report& report) {
  if (device.plan.device.is_cpu()) return report.not_run("the wall before LibTorch", "this is no GPU");
  const auto ran = device.half->run([&] {
    const auto none = at::empty({std::int64_t{1} << 40}, at::TensorOptions(at::kCUDA).dtype(at::kByte));
  });
  report.must("an allocation past the slice's wall is refused, as over_budget",
              !ran && ran.error().code == ErrorCode::over_budget, ran ? "it was given" : ran.error().text());
  const auto after = device.half->run(
      [&] { const auto some = at::empty({1 << 20}, at::TensorOptions(at::kCUDA).dtype(at::kByte)); });
  report.must("and the slice goes on", after.has_value(), after ? "" : after.error().text());
}

int run(const std::string& folder, const std::string& kernels, const std::string& half) {
  Plan plan;
  Result<std::shared_ptr<Driver>> driver;
  if (half == "host") {
    plan = {at::Device(at::kCPU), {1}, 2};
    driver = std::make_shared<test::HostDriver>();
  } else {
    driver = open_driver();
  }
  const auto count = driver ? (*driver)->devices() : Result<int>(fail(driver.error()));
  if (!count || *count == 0) {
    std::fprintf(stderr, "gpu-check: there is no GPU to check: %s\n",
                 count ? "the driver has no device" : count.error().text().c_str());
    return 2;
  }
  Report report(folder + "/found-step.json");
  report.section("step");
  try {
    use_one_torch_thread();
    Device device(plan, *driver, kernels, half);
    check_wall(device, report);
    for (const int phase : plan.phases) {
      std::fprintf(stderr, "gpu-check: the GAN's step at %d\n", shape().resolution(phase));
      check_size(device, phase, report);
    }
  } catch (...) {
    report.failed("the GAN's step", from_current_exception("step"));
  }
  if (!report.written())
    std::fprintf(stderr, "gpu-check: %s/found-step.json can't be written\n", folder.c_str());
  return report.held() && report.written() ? 0 : 1;
}

}  // namespace
}  // namespace troupe::cuda::check

int main(int count, char** given) {
  if (count == 4) return troupe::cuda::check::run(given[1], given[2], given[3]);
  std::fprintf(stderr, "usage: gpu_check_step FOLDER KERNELS HALF\n");
  return 2;
}
