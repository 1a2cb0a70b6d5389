// [predicted-budget] Slices whose wall is the predicted demand: none is refused anything, and below the
// prediction the wall is hit.
#include <cstdlib>
#include <memory>

#include "bench/bench.hpp"
#include "bench/black_pyramid.hpp"
#include "predict/demand_table.hpp"
#include "tests/train/gan_steps.hpp"
#include "train/gan.hpp"

namespace {
using namespace troupe;

JobConfig job_to(int largest, int steps) {
  JobConfig job;
  job.name = "bench";
  job.gan.fmap_base = 512;
  job.gan.to = largest;
  job.gan.fade = 0.5;
  job.gan.images = {std::int64_t{steps} * job.gan.shards * job.gan.shard_batch};
  return job;
}

}  // namespace

int main(int argc, char** argv) {
  bench::Report report(
      argc, argv, "predicted-budget",
      "A GAN from 4x4 to 128x128, a few steps a phase and its samples, on one core and on two, each "
      "phase under a\nwall at its predicted demand, headroom included: refusals. Then one core under "
      "0.9 of the bare prediction:\nphases in which the wall is hit. --largest SIZE (128), --steps N "
      "(4) a phase.");
  install_torch_allocator();
  const int largest = report.flag("largest") ? std::atoi(report.flag("largest")->c_str()) : 128;
  const int steps = report.flag("steps") ? std::atoi(report.flag("steps")->c_str()) : 4;
  auto made = make_gan(job_to(largest, steps), std::make_shared<bench::BlackPyramid>(1));
  if (!made) return std::fprintf(stderr, "%s\n", made.error().text().c_str()), 1;
  const std::shared_ptr<Program> program = *made;
  DemandTable table;
  double refusals = 0, hits = 0, slices = 0;
  std::vector<double> headroom;
  for (std::int64_t step = 0; step < program->steps();) {
    const Moment m = program->moment(step);
    const auto forecast = program->forecast(m.phase);
    const Demand demand = table.demand({m.phase, m.phase_name, 1, 1, forecast, {}}, {});
    const auto run = [&](int cores, Bytes wall) {
      return test::run_steps_under(program, m.phase_first, m.phase_end, cores, wall, 10);
    };
    for (const int cores : {1, 2}) {
      const Bytes wall = demand.wall_for(cores);
      const auto under = run(cores, wall);
      refusals += static_cast<double>(under.refusals);
      headroom.push_back(static_cast<double>(wall.count) / static_cast<double>(under.peak.count) - 1);
      ++slices;
      report.note(m.phase_name + " on " + std::to_string(cores) + ": wall " + to_string(wall) + ", took " +
                  to_string(under.peak) + (under.error ? ": " + under.error->text() : ""));
    }
    hits += run(1, Bytes{forecast->bytes.count * 9 / 10}).refusals > 0 ? 1 : 0;
    step = m.phase_end;
  }
  report.add({"refusals", "", refusals, 0.0, false, static_cast<int>(slices), 0, refusals, ""});
  report.add(
      {"hit_share_below", "of the phases", hits / program->phases(), 1.0, true, program->phases(), 0, 1, ""});
  report.add("wall_over_peak", "of the peak", headroom);
  return report.finish();
}
