// SMs in force by size, what a switch takes, and whether two slices slow each other down.
#include <dlfcn.h>

#include <algorithm>

#include "gpu/cuda/gpu_slice.hpp"
#include "tests/gpu/check/sections.hpp"

namespace troupe::cuda::check {
namespace {

constexpr int kSwitches = 1000;
constexpr int kRounds = 40'000;  // some tenths of a millisecond: launches do not count beside it

/// tests/gpu/check/busy.cu
using Busy = int (*)(float* out, int blocks, int rounds, void* stream);

struct Slice {
  Owned<Context> context;
  Owned<Stream> stream;
};

Slice make_slice(Bench& bench, unsigned first, unsigned count) {
  const auto& pieces = bench.cut->pieces;
  Slice slice;
  slice.context =
      Owned<Context>(bench.driver, want(bench.driver->make_context(std::span(pieces).subspan(first, count))));
  slice.stream = Owned<Stream>(bench.driver, want(bench.driver->make_stream(slice.context.get())));
  return slice;
}

}  // namespace

double device_seconds(Bench& bench, Stream stream, int runs, const std::function<void()>& work) {
  const Owned<Event> from(bench.driver, want(bench.driver->make_event()));
  const Owned<Event> to(bench.driver, want(bench.driver->make_event()));
  double least = 1e9;
  for (int i = 0; i <= runs; ++i) {  // the first is not counted
    want(bench.driver->record(from.get(), stream));
    work();
    want(bench.driver->record(to.get(), stream));
    want(bench.driver->synchronize(stream));
    if (i > 0) least = std::min(least, want(bench.driver->seconds_between(from.get(), to.get())));
  }
  return least;
}

void check_sizes(Bench& bench, Report& report) {
  const Grid& grid = bench.cut->grid;
  auto table = want(ContextTable::open(bench.driver, bench.cut, {0, 1}, 2));
  double slowest = 0;
  bool enough = true;
  nlohmann::ordered_json in_force;
  for (unsigned count = 1; count <= grid.pieces; ++count) {
    const double start = seconds_now();
    want(table->ask({0, count}));
    slowest = std::max(slowest, seconds_now() - start);
    want(table->at_step_edge());
    in_force[std::to_string(sms_of(grid, {0, count}))] = table->now().sms;
    enough = enough && table->now().sms >= table->now().asked;
  }
  report.fact("SMs in force, by SMs asked", in_force);
  report.must("at least as many SMs are in force as were asked", enough);
  report.figure("making a context, slowest", slowest * 1e3, "ms");
}

/// With work on both sides: each step adds one to a number, so that a step that was lost or overtaken shows.
void check_switches(Bench& bench, Report& report) {
  if (!bench.kernels) return report.not_run("prepared switches", "the kernels are not built");
  auto table = want(ContextTable::open(bench.driver, bench.cut, {0, 1}, 3));
  const Pieces sizes[] = {{0, 1}, {0, std::min(2U, bench.cut->grid.pieces)}};
  want(table->prepare(sizes));
  const Array<float> number(bench, std::vector<float>{0.0F}), one(bench, std::vector<float>{1.0F});
  want(bench.driver->synchronize(bench.table->now().stream));
  TreeLeaves leaves{{number.data(), one.data()}, {0, 1}, 2};
  std::vector<double> times;
  for (int i = 0; i < kSwitches; ++i) {
    want(bench.kernels->tree_sum(leaves, number.data(), 1, 1, table->now().stream));
    const double start = seconds_now();
    want(table->ask(sizes[(i + 1) % 2]));
    want(table->at_step_edge());
    times.push_back(seconds_now() - start);
  }
  want(bench.driver->synchronize(table->now().stream));
  std::sort(times.begin(), times.end());
  report.figure("a prepared switch, median", times[times.size() / 2] * 1e6, "us");
  report.figure("a prepared switch, 99th percentile", times[times.size() * 99 / 100] * 1e6, "us", Goal{1000});
  report.figure("steps lost in 1,000 switches", kSwitches - number.values()[0], "", Goal{0});
}

void check_two_slices(Bench& bench, Report& report) {
  const std::string what = "two slices at once";
  if (bench.busy.empty()) return report.not_run(what, "the kernel for it is not built");
  if (bench.cut->grid.pieces < 2) return report.not_run(what, "the device has one piece");
  void* library = dlopen(bench.busy.c_str(), RTLD_NOW | RTLD_LOCAL);
  const auto busy = library ? reinterpret_cast<Busy>(dlsym(library, "troupe_check_busy")) : nullptr;
  if (!busy) return report.must(what, false, "the kernel for it can't be loaded");
  const unsigned half = bench.cut->grid.pieces / 2;
  const Slice a = make_slice(bench, 0, half), b = make_slice(bench, half, half);
  const int blocks = static_cast<int>(sms_of(bench.cut->grid, {0, half}) * 8);
  const Array<float> out(bench, static_cast<std::size_t>(2 * blocks) * 256);
  want(bench.driver->synchronize(bench.table->now().stream));
  const auto run = [&](const Slice& slice, std::size_t first) {
    if (busy(out.data() + first, blocks, kRounds, reinterpret_cast<void*>(slice.stream.get().value)) != 0)
      throw ErrorException({ErrorCode::internal, "the kernel that only computes was not started", "busy"});
  };
  const double alone = device_seconds(bench, a.stream.get(), 5, [&] { run(a, 0); });
  const double beside = device_seconds(bench, a.stream.get(), 5, [&] {
    run(b, static_cast<std::size_t>(blocks) * 256);
    run(a, 0);
  });
  want(bench.driver->synchronize(b.stream.get()));
  report.figure(what + ": a compute-bound kernel beside another, against alone", beside / alone, "ratio",
                Goal{1.05});
}

/// A slice as jobs will have it: its wall, its time, more SMs and memory at an edge.
void check_slice(Bench& bench, Report& report) {
  if (!bench.kernels || bench.cut->grid.pieces < 2)
    return report.not_run("a slice", "no kernels, or one piece");
  const auto slice = want(GpuSlice::open(
      bench.driver, bench.cut, {.owner = "gpu-check", .run = {0, 1}, .budget = mib(64), .most = mib(256)}));
  const auto block = want(slice->allocate(mib(64)));
  const auto refused = slice->allocate({1});
  report.must("a slice's wall is exact", !refused && refused.error().code == ErrorCode::over_budget);
  TreeLeaves leaves{{reinterpret_cast<void*>(block.value)}, {0}, 1};
  const auto step = [&] {
    want(slice->step_begins());
    want(bench.kernels->tree_sum(leaves, reinterpret_cast<float*>(block.value), std::size_t{16} << 20, 1,
                                 slice->stream()));
    want(slice->step_ends());
    want(bench.driver->synchronize(slice->stream()));
  };
  step();
  const auto narrow = want(slice->facts());
  want(slice->ask({0, 2}, mib(128)));
  want(slice->at_step_edge());
  step();
  const auto wide = want(slice->facts());
  report.must("its steps took time, and twice",
              narrow.busy_seconds > 0 && wide.busy_seconds > narrow.busy_seconds);
  report.must("it has more SMs after the edge", wide.sms > narrow.sms);
  const auto more = slice->allocate(mib(64));
  report.must("it has more memory after the edge", more.has_value());
  const auto full = want(slice->facts());
  report.figure("a full slice holds of the device, against its budget",
                static_cast<double>(full.reserved.count) / static_cast<double>(full.budget.count), "ratio");
  if (more) want(slice->free(*more));
  want(slice->free(block));
}

}  // namespace troupe::cuda::check
