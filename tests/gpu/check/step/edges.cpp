// What a resize costs a job: the edge itself, and the steps after it, which capture their graphs anew.
#include <algorithm>
#include <chrono>
#include <future>

#include "tests/gpu/check/step/job.hpp"

namespace troupe::cuda::check {
namespace {

constexpr double kEdgeSeconds = 20;  // of one size, at most
/// A slice keeps four contexts (GpuSliceOptions): of so many sizes in turn none is there any more.
constexpr int kMoreThanKept = 6;

double at_share(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1,
                         static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}
double median(const std::vector<double>& values) { return at_share(values, 0.5); }

struct Edges {
  std::vector<double> take, renew, first_step;  // seconds
  void add(Job& job, const std::vector<int>& pieces) {
    take.push_back(job.take(pieces));
    renew.push_back(job.renew_seconds());
    first_step.push_back(job.steps(1).front());
  }
};

void used_before(const World& world, Job& job, int edges, const std::string& name, Report& report) {
  const std::vector<int> sizes[] = {World::run(0, 1), World::run(0, std::min(2, world.pieces()))};
  for (const auto& size : {sizes[1], sizes[0]}) {
    job.take(size);
    job.steps(1);
  }
  Edges found;
  const std::int64_t before = job.committed();
  const double until = seconds_now() + kEdgeSeconds;
  int made = 0;
  for (; made < edges && seconds_now() < until; ++made) found.add(job, sizes[(made + 1) % 2]);
  report.fact(name + "edges to a context used before", made);
  report.figure(name + "such an edge, median", median(found.take) * 1e3, "ms", Goal{1});
  report.figure(name + "such an edge, 99th percentile", at_share(found.take, 0.99) * 1e3, "ms", Goal{1});
  report.figure(name + "of it, giving graphs and kept memory back, median", median(found.renew) * 1e3, "ms");
  report.figure(name + "the first step after it, median", median(found.first_step) * 1e3, "ms");
  report.figure(name + "steps lost in those edges", static_cast<double>(made - (job.committed() - before)),
                "", Goal{0});
}

void made_new(const World& world, Job& job, int edges, const std::string& name, Report& report) {
  if (world.pieces() < kMoreThanKept) return report.not_run(name + "contexts made new", "too few pieces");
  Edges found;
  for (int i = 0; i < edges; ++i) found.add(job, World::run(0, 1 + i % kMoreThanKept));
  report.figure(name + "an edge that makes its context, median", median(found.take) * 1e3, "ms");
  report.figure(name + "an edge that makes its context, slowest", at_share(found.take, 1) * 1e3, "ms");
}

/// As jobs in a cluster do it: another thread makes the context, steps go on meanwhile.
void made_beside(const World& world, Job& job, int edges, const std::string& name, Report& report) {
  if (world.pieces() < kMoreThanKept)
    return report.not_run(name + "contexts made beside steps", "too few pieces");
  Edges found;
  std::vector<double> making, steps;
  for (int i = 0; i < edges; ++i) {
    const auto pieces = World::run(0, 1 + i % kMoreThanKept);
    auto made = std::async(std::launch::async, [&job, &pieces] { return job.prepare(pieces); });
    do steps.push_back(job.steps(1).front());
    while (made.wait_for(std::chrono::seconds(0)) != std::future_status::ready);
    making.push_back(made.get());
    found.add(job, pieces);
  }
  report.figure(name + "making a context beside steps, median", median(making) * 1e3, "ms");
  report.figure(name + "a step meanwhile, slowest", at_share(steps, 1) * 1e3, "ms");
  report.figure(name + "an edge to a context made beside steps, median", median(found.take) * 1e3, "ms",
                Goal{1});
  report.figure(name + "an edge to a context made beside steps, slowest", at_share(found.take, 1) * 1e3,
                "ms");
}

/// Until its stages are replayed again: two eager runs of each, then a capture.
void recapture(const World& world, Job& job, int times, const std::string& name, Report& report) {
  constexpr int kSteps = 8, kReplayed = 4;  // the last four are replays
  std::vector<double> replayed, lost, captured;
  for (int i = 0; i < times; ++i) {
    job.take(World::run(0, 1 + i % std::min(2, world.pieces())));
    const auto seconds = job.steps(kSteps);
    double each = 1e9, sum = 0;
    for (int s = 0; s < kSteps; ++s) {
      sum += seconds[static_cast<std::size_t>(s)];
      if (s >= kSteps - kReplayed) each = std::min(each, seconds[static_cast<std::size_t>(s)]);
    }
    replayed.push_back(each);
    captured.push_back(seconds[2]);
    lost.push_back(sum - kSteps * each);
  }
  const TorchHalfFacts facts = job.half();
  report.must(name + "graphs are captured again after an edge", facts.replays > 0, facts.capture_trouble);
  report.figure(name + "a step that is replayed", median(replayed) * 1e3, "ms");
  report.figure(name + "the third step after an edge, which captures, median", median(captured) * 1e3, "ms");
  report.figure(name + "steps after an edge, beyond as many replayed ones, median", median(lost) * 1e3, "ms");
}

/// As many SMs elsewhere: the libraries choose the same kernels, so a step that was lost, doubled or
/// overtaken by its edge shows in the networks.
void keeps_its_bits(const World& world, const JobOptions& options, const std::string& name, Report& report) {
  constexpr int kSteps = 12;
  if (world.pieces() < 2) return report.not_run(name + "the bits of a job that moves", "one piece");
  JobOptions still = options;
  still.pieces = World::run(0, 1);
  Job stays(world, still), moves(world, still);
  stays.steps(kSteps);
  bool same_sms = true;
  for (int i = 0; i < kSteps; ++i) {
    moves.steps(1);
    moves.take(World::run((i + 1) % 2, 1));
    same_sms = same_sms && moves.sms() == stays.sms();
  }
  if (!same_sms) return report.not_run(name + "the bits of a job that moves", "pieces differ in their SMs");
  report.must(name + "a job that moves to as many other SMs at each edge has the bits of one that stays",
              stays.hashes() == moves.hashes());
}

}  // namespace

void check_edges(const World& world, Report& report) {
  const std::vector<int> sizes = world.host ? std::vector{8} : std::vector{8, 64};
  for (const int size : sizes) {
    const int edges = world.host ? 6 : 1000;
    const std::string name = "GAN " + std::to_string(size) + "x" + std::to_string(size) + ": ";
    const JobOptions options{.size = size, .pieces = World::run(0, 1), .budget = Bytes{world.most.count / 4}};
    {
      Job job(world, options);
      used_before(world, job, edges, name, report);
      made_new(world, job, world.host ? kMoreThanKept + 1 : 40, name, report);
      made_beside(world, job, world.host ? kMoreThanKept + 1 : 40, name, report);
      recapture(world, job, world.host ? 2 : 10, name, report);
    }
    keeps_its_bits(world, options, name, report);
  }
}

}  // namespace troupe::cuda::check
