// Whether a job's bits depend on how many SMs it has and on resizes; where they do, which operator it is; and
// what it costs to pin what LibTorch lets one pin.
//   gpu_check_step bits FOLDER KERNELS HALF PIN
#include <ATen/ATen.h>

#include <cmath>
#include <cstdlib>
#include <map>

#include "tests/gpu/check/step/job.hpp"
#include "tests/gpu/check/step/one_step.hpp"
#include "tests/gpu/check/step/operators.hpp"

namespace troupe::cuda::check {
namespace {

constexpr int kSteps = 6;  // two eager ones, a capture, replays
constexpr int kTimed = 10;
constexpr int kLargestLookedInto = 32;  // what larger steps' operators go through would take minutes

/// By the name that gpu_check.py gives. Before the first product: cuBLAS reads its variable once.
const std::map<std::string, void (*)()> kPins = {
    {"as-it-is", [] {}},
    {"deterministic",
     [] {
       ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 1);
       at::globalContext().setDeterministicAlgorithms(true, true);
       at::globalContext().setDeterministicFillUninitializedMemory(false);
       at::globalContext().setBenchmarkCuDNN(false);
     }},
    {"cublas", [] { at::globalContext().setBlasPreferredBackend(at::BlasBackend::Cublas); }},
    {"cublaslt", [] { at::globalContext().setBlasPreferredBackend(at::BlasBackend::Cublaslt); }},
    {"no-cudnn", [] { at::globalContext().setUserEnabledCuDNN(false); }},
};

struct Trained {
  std::vector<std::uint64_t> hashes;
  std::vector<float> parameters;
  unsigned sms = 0;
  double step_ms = 0;  // of those that are replayed
};

Trained train(const World& world, int size, const std::vector<int>& pieces, bool resized) {
  Job job(world, {.size = size, .pieces = pieces, .budget = Bytes{world.most.count / 4}});
  Trained t;
  if (resized) {  // small, all, half: two steps each
    for (const int count : {1, world.pieces(), std::max(1, world.pieces() / 2)}) {
      job.take(World::run(0, count));
      job.steps(kSteps / 3);
    }
  } else {
    job.steps(kSteps);
  }
  t.sms = job.sms();
  t.hashes = job.hashes();
  t.parameters = job.parameters();
  if (!resized) {
    t.step_ms = 1e9;
    for (const double s : job.steps(kTimed)) t.step_ms = std::min(t.step_ms, s * 1e3);
  }
  return t;
}

/// |a - b| as a share of |b|.
double off(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    difference += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
    size += double{b[i]} * b[i];
  }
  return std::sqrt(difference / size);
}

/// One eager step, weights as they are read included.
struct OneStep {
  std::vector<OperatorCall> calls;
  gan::StepResult gradients;
};

OneStep operators_on(const World& world, int size, const std::vector<int>& pieces) {
  int phase = 0;
  while (4 << phase < size) ++phase;
  gan::TwoSteps two({1, 64, 1, world.base(), world.widest(), 4, size}, phase, 1, kBatch);
  const StepSlice on(world, pieces, at::kFloat);
  Step step(two, phase, *on.runtime);
  OneStep made;
  on.runtime->run([&] { made.calls = record_operators([&] { step.work(); }); });
  made.gradients = step.result();
  return made;
}

void tell_operators(const World& world, int size, const std::vector<int>& few, const std::string& name,
                    Report& report) {
  const OneStep wide = operators_on(world, size, world.all()), again = operators_on(world, size, world.all()),
                narrow = operators_on(world, size, few);
  const auto twice = went_apart(wide.calls, again.calls), apart = went_apart(wide.calls, narrow.calls);
  report.fact(name + "operators in one step", wide.calls.size());
  report.must(name + "the operators of one step are the same on all SMs",
              !wide.calls.empty() && !apart.other_calls && !twice.other_calls);
  report.must(name + "each of them gives the same bits when it is called again on the same SMs",
              twice.sources.empty() && again.gradients.critic == wide.gradients.critic &&
                  again.gradients.generator == wide.gradients.generator,
              twice.first);
  report.fact(name + "one step's gradients on the smallest slice",
              narrow.gradients.critic == wide.gradients.critic &&
                      narrow.gradients.generator == wide.gradients.generator
                  ? "the same bits"
                  : "other bits");
  if (!apart.first.empty())
    report.fact(name + "the first operator with other bits on the smallest slice", apart.first);
  for (const auto& [operation, count] : apart.sources)
    report.figure(name + "of the same input other bits on the smallest slice, by " + operation, count,
                  "calls");
}

void check_size(const World& world, int size, const std::string& pin, Report& report) {
  const std::string name =
      std::to_string(size) + "x" + std::to_string(size) + (pin == "as-it-is" ? "" : ", " + pin) + ": ";
  const auto few = World::run(0, 1), half = World::run(0, std::max(1, world.pieces() / 2));
  const Trained all = train(world, size, world.all(), false);
  const Trained again = train(world, size, world.all(), false);
  report.must(name + "a job's bits are the same when it is run again on the same SMs",
              again.hashes == all.hashes);
  nlohmann::ordered_json same;
  double worst = 0;
  bool every = true;
  const auto compare = [&](const std::string& on, const Trained& t) {
    same[on] = t.hashes == all.hashes;
    every = every && t.hashes == all.hashes;
    worst = std::max(worst, off(t.parameters, all.parameters));
  };
  for (const auto& pieces : {few, half}) {
    const Trained t = train(world, size, pieces, false);
    compare(std::to_string(t.sms) + " SMs", t);
  }
  compare("resized twice", train(world, size, few, true));
  report.sample({{"of", "bits"}, {"pin", pin}, {"size", size}, {"same", same}, {"step_ms", all.step_ms}});
  report.figure(name + "parameters after " + std::to_string(kSteps) +
                    " steps on other SMs, off those on all " + std::to_string(all.sms) + " by at most",
                worst, "of their norm", Goal{0});
  if (world.host || (!every && pin == "as-it-is" && size <= kLargestLookedInto))
    tell_operators(world, size, few, name, report);
}

}  // namespace

void check_bits(const World& world, Report& report) {
  const std::string name = world.given.arguments.empty() ? "as-it-is" : world.given.arguments.front();
  const auto pin = kPins.find(name);
  if (pin == kPins.end())
    throw ErrorException({ErrorCode::bad_usage, "there is no such pin", "bits", name,
                          "as-it-is, deterministic, cublas, cublaslt, no-cudnn", ""});
  pin->second();
  const std::vector<int> sizes = world.host ? std::vector{8} : std::vector{8, 32, 128};
  for (const int size : sizes) check_size(world, size, name, report);
}

}  // namespace troupe::cuda::check
