#include "tests/gpu/check/step/job.hpp"

#include <utility>

#include "gpu/torch_allocator.hpp"
#include "tests/train/gan_fakes.hpp"

namespace troupe::cuda::check {
namespace {
constexpr double kAlone = 60;  // seconds to wait for another rank, of which there is none
}  // namespace

/// Times what an edge does beyond its switch.
class Job::Watched final : public TorchHalf {
 public:
  explicit Watched(std::unique_ptr<TorchHalf> of) : of_(std::move(of)) {}
  Result<void> run(const std::function<void()>& work) override { return of_->run(work); }
  Result<Ran> run_as_graph(GraphKey key, const std::function<void()>& work) override {
    return of_->run_as_graph(std::move(key), work);
  }
  Result<void> renew() override {
    const double start = seconds_now();
    auto done = of_->renew();
    seconds = seconds_now() - start;
    return done;
  }
  TorchHalfFacts facts() const override { return of_->facts(); }

  double seconds = 0;

 private:
  std::unique_ptr<TorchHalf> of_;
};

JobConfig gan_config(const World& world, const JobOptions& options) {
  JobConfig job;
  job.name = "gan " + std::to_string(options.size);
  job.gan.generators = job.gan.shards = 1;
  job.gan.shard_batch = options.batch;
  job.gan.latent = 64;
  job.gan.fmap_base = world.base();
  job.gan.fmap_max = world.widest();
  job.gan.from = 4;
  job.gan.to = options.size;
  job.gan.fade = options.fade;
  job.gan.images.clear();
  for (int size = 4; size < options.size; size *= 2) job.gan.images.push_back(options.batch);
  job.gan.images.push_back(options.steps * options.batch);
  return job;
}

Job::Job(const World& world, const JobOptions& options)
    : driver_(world.driver),
      budget_(options.budget),
      account_(std::make_shared<Account>("job gan " + std::to_string(options.size), options.budget)),
      alone_(make_in_process(1, kAlone).front()),
      host_(std::vector{Core{.cpu = -1}}, nullptr, use_one_torch_thread) {
  use_one_torch_thread();
  gan::GpuParts parts = world.parts();
  parts.attach = [this, attach = parts.attach](GpuSlice& slice) -> Result<std::unique_ptr<TorchHalf>> {
    auto half = attach(slice);
    if (!half) return half;
    auto watched = std::make_unique<Watched>(std::move(*half));
    watched_ = watched.get();
    on_ = &slice;
    return watched;
  };
  const JobConfig config = gan_config(world, options);
  slice_ = want(gan::make_gpu_slices(std::move(parts))({config.name, account_, options.pieces, budget_}));
  program_ = std::make_shared<gan::DeviceProgram>(
      std::make_shared<gan::GanProgram>(
          config, std::make_shared<test::BlobPyramid>(1, options.size, options.size, 16)),
      options.half_precision ? at::kBFloat16 : at::kFloat);
  program_->use(*slice_);
  try {
    Moment moment = program_->moment(0);
    while (moment.phase + 1 < program_->phases()) moment = program_->moment(moment.phase_end);
    first_ = moment.phase_first;
    account_->set_phase(moment.phase_name);
    program_->enter(moment);
    load_from(first_);
  } catch (...) {
    program_->leave();
    throw;
  }
}

Job::~Job() {
  program_->batches().close({ErrorCode::interrupted, "the job is over", "gpu-check"});
  if (loader_.joinable()) loader_.join();
  program_->leave();
}

void Job::load_from(std::int64_t step) {
  next_ = step;
  program_->batches().restart(-1);  // whatever a loader pushes is of another step: it gives up
  if (loader_.joinable()) loader_.join();
  program_->batches().restart(step);
  loader_ = std::jthread([program = program_, step] {
    for (std::int64_t s = step; s < program->steps(); ++s)
      if (!program->batches().push(std::make_shared<const Batch>(program->make_batch(s)))) return;
  });
}

void Job::skip_to(std::int64_t step) { load_from(first_ + step); }

LoopEnd Job::lease(std::int64_t end, StepControl& control,
                   const std::function<void(const StepStats&)>& on_step) {
  const auto sums = want(slice_->sums(alone_));
  // the control outlives the lease
  const auto shared = std::shared_ptr<StepControl>(&control, [](StepControl*) {});
  LoopEnd done =
      run_steps({program_, shared, next_, end}, host_, *sums, {0, program_->shards()}, on_step, seconds_now);
  committed_ += done.next - next_;
  next_ = done.next;
  if (done.error) {
    if (done.begun) program_->roll_back();
    throw ErrorException(*done.error);
  }
  return done;
}

std::vector<double> Job::steps(std::int64_t count) {
  std::vector<double> seconds;
  StepControl control;
  lease(next_ + count, control, [&](const StepStats& s) { seconds.push_back(s.seconds); });
  return seconds;
}

Job::Timed Job::run_for(double seconds) {
  StepControl control;
  const double start = seconds_now();
  const std::int64_t from = next_;
  lease(program_->steps(), control, [&](const StepStats&) {
    if (seconds_now() - start >= seconds) control.request_edge();
  });
  return {static_cast<double>((next_ - from) * program_->images_per_step()), seconds_now() - start};
}

double Job::take(const std::vector<int>& pieces) {
  // a step's last updates are given to the device and not waited for: they are no part of the edge
  want(driver_->synchronize(on_->stream()));
  const double start = seconds_now();
  want(slice_->take(pieces, budget_));
  return seconds_now() - start;
}

double Job::prepare(const std::vector<int>& pieces) {
  const double start = seconds_now();
  want(slice_->preparer()(pieces));
  return seconds_now() - start;
}

double Job::renew_seconds() const { return watched_->seconds; }
unsigned Job::sms() { return slice_->sms(); }
TorchHalfFacts Job::half() const { return watched_->facts(); }

std::vector<std::uint64_t> Job::hashes() {
  std::vector<std::uint64_t> all;
  for (const auto& replica : program_->replicas()) all.push_back(replica->hash());
  return all;
}

std::vector<float> Job::parameters() {
  std::vector<float> all;
  for (const auto& replica : program_->replicas()) {
    const auto bytes = replica->state().front();
    const auto* from = reinterpret_cast<const float*>(bytes.data());
    all.insert(all.end(), from, from + bytes.size() / sizeof(float));
  }
  return all;
}

}  // namespace troupe::cuda::check
